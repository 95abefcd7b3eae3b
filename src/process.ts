import { startApp, type Role } from './app.js';
import { ConfigError, readServerConfig } from './config.js';
import { StartError } from './platform/index.js';

// Fly sends SIGTERM and kills after a while of its own; this is well within it.
const STOP_WITHIN_MS = 10_000;

/** Runs a process of its own until it is told to stop. */
export async function runProcess(roles: readonly Role[]): Promise<void> {
  try {
    const app = await startApp(readServerConfig(), roles);
    stopOnSignal(() => app.stop());
  } catch (error) {
    process.stderr.write(`${explainStart(error)}\n`);
    process.exit(1);
  }
}

/** The first signal stops in order, a second one at once. */
export function stopOnSignal(stop: () => Promise<void>, withinMs = STOP_WITHIN_MS): void {
  let isStopping = false;
  const onSignal = () => {
    if (isStopping) process.exit(1);
    isStopping = true;
    setTimeout(() => process.exit(1), withinMs).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}

/** What the operator can mend is said in plain words; a stack helps only with what we did wrong. */
export function explainStart(error: unknown): string {
  if (error instanceof ConfigError || error instanceof StartError) return error.message;
  const { code, port, stack } = error as { code?: string; port?: number; stack?: string };
  if (code === 'EADDRINUSE') return `port ${port ?? ''} is in use by another program: set PORT`;
  return stack ?? String(error);
}

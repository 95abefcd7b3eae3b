import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { after } from 'node:test';

export interface SpawnedProcess {
  child: ChildProcess;
  /** Where it listens. */
  url: string;
  /** SIGKILL, and gone when this resolves. */
  kill(): Promise<void>;
}

// On a machine with twenty other things to do a start takes half a minute.
const READY_WITHIN_MS = 120_000;
const running = new Set<ChildProcess>();
// Whoever breaks a run off (Ctrl-C, a timeout) finds nobody left behind. Exiting, not dying, lets others clean up too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** An entry point of `src/`; `single` accepts casts and runs them. */
export type ProcessRole = 'api' | 'worker' | 'single';

/** Starts an entry point as a process of its own, as production does. */
export async function spawnProcess(
  role: ProcessRole,
  environment: Record<string, string>,
): Promise<SpawnedProcess> {
  const main = fileURLToPath(new URL(`../../src/${role}.js`, import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env['PATH'] ?? '', ...environment, PORT: '0', SPELL_LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  after(kill);
  try {
    return { child, url: await waitForUrl(child), kill };
  } catch (error) {
    await kill();
    throw error;
  }
}

function waitForUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => reject(new Error(`not ready: ${said}`)), READY_WITHIN_MS);
    const listen = (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-20_000);
      const [, url] = /"url":"([^"]+)","roles"/.exec(said) ?? [];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('close', (code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code}: ${said}`));
    });
  });
}

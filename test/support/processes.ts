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

const READY_WITHIN_MS = 30_000;

/** Starts `src/api.ts` or `src/worker.ts` as a process of its own, as production does. */
export async function spawnProcess(
  role: 'api' | 'worker',
  environment: Record<string, string>,
): Promise<SpawnedProcess> {
  const main = fileURLToPath(new URL(`../../src/${role}.js`, import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env['PATH'] ?? '', ...environment, PORT: '0', SPELL_LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  after(kill);
  return { child, url: await waitForUrl(child), kill };
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
    child.once('close', (code) => reject(new Error(`ended with ${code}: ${said}`)));
  });
}

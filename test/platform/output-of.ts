import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { after } from 'node:test';

export interface ProcessOutput {
  child: ChildProcess;
  /** All it has said so far, on stdout and stderr. */
  said(): { stdout: string; stderr: string };
  /** The address it listens on. */
  ready: Promise<string>;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Starts an entry point of `src/` in exactly this environment and keeps all that it says. */
export function startProcess(
  entry: 'api' | 'worker' | 'single' | 'local',
  environment: Record<string, string>,
  as: { uid?: number; gid?: number } = {},
): ProcessOutput {
  const main = fileURLToPath(new URL(`../../src/${entry}.js`, import.meta.url));
  const child = spawn(process.execPath, [main], {
    ...as,
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const ready = new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => {
      said.stdout += chunk.toString();
      const [, url] = /"url":"([^"]+)","roles"/.exec(said.stdout) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.once('close', (code) => reject(new Error(`ended with ${code}: ${said.stderr}`)));
  });
  // Whoever waits for the end only does not ask whether it was ever ready.
  ready.catch(() => undefined);
  after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, said: () => said, ready, ended };
}

export interface LogLine {
  msg?: string;
  requestId?: string;
  accountId?: string;
  [field: string]: unknown;
}

/** The log lines among what a process has said. */
export function logLines(output: ProcessOutput): LogLine[] {
  const lines = output
    .said()
    .stdout.split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'));
  return lines.map((line) => JSON.parse(line) as LogLine);
}

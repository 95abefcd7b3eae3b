import type { ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { prepareCluster, stopLeftover } from './embedded-postgres-cluster.js';
import { chooseRunner, findBinaries } from './embedded-postgres-runner.js';
import { findFreePort } from './free-port.js';
import { collectText, endWithUs, hasEnded, stopChild } from './stop-process.js';

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
  /** Breaks the start off, and leaves nothing of it. */
  signal?: AbortSignal;
}

const START_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 10_000;
const DATABASE = 'spell';

/** Starts the real PostgreSQL that npm has installed, as an ordinary user or as root. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { signal } = options;
  const folder = resolve(options.folder);
  const dataDir = join(folder, 'data');
  const binaries = await findBinaries();
  await mkdir(folder, { recursive: true });
  const run = chooseRunner(folder, binaries);
  const password = await prepareCluster(folder, binaries, run, signal);
  await stopLeftover(dataDir);
  const port = options.port ?? (await findFreePort());
  signal?.throwIfAborted();
  const server = run(binaries.postgres, [
    ...['-D', dataDir, '-p', String(port), '-h', '127.0.0.1', '-k', ''],
    ...['-c', `max_connections=${options.connectionsMax}`],
    ...(options.isDurable ? [] : ['-F', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off']),
  ]);
  endWithUs(server, 'SIGINT');
  const urlOf = (database: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
  try {
    await waitUntilReady(server, urlOf('postgres'), signal);
    await createDatabase(urlOf('postgres'));
  } catch (error) {
    await stopServer(server);
    throw error;
  }
  return { url: urlOf(DATABASE), pid: server.pid ?? 0, stop: () => stopServer(server) };
}

async function waitUntilReady(
  server: ChildProcess,
  url: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const said = collectText(server);
  const deadlineMs = performance.now() + START_WITHIN_MS;
  let spawnError: Error | null = null;
  server.once('error', (error) => (spawnError = error));
  for (;;) {
    signal?.throwIfAborted();
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

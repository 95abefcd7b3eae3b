import { fork, spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, delimiter, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { findFreePort } from './free-port.js';
import { commandOf, endWithUs, stopChild, stopProcess } from './stop-process.js';

export interface EmbeddedRedis {
  url: string;
  /** What was started, in words for people. */
  description: string;
  pid: number;
  stop(): Promise<void>;
}

const START_WITHIN_MS = 10_000;
const STOP_WITHIN_MS = 3_000;
// A stream takes this much with its first entry, and most hold a few hundred bytes. With the server's own 4 KiB the
// streams of an hour take ten times the memory, and writing each takes ten times as long here once they are many.
const STREAM_NODE_BYTES = 1_024;

/** Starts `valkey-server` or `redis-server` from the search path, or else the Valkey that npm has installed. */
export async function startEmbeddedRedis(
  folder: string,
  searchPath: string,
  signal?: AbortSignal,
): Promise<EmbeddedRedis> {
  const port = await findFreePort();
  signal?.throwIfAborted();
  const native = findInPath(searchPath, 'valkey-server') ?? findInPath(searchPath, 'redis-server');
  const child = native === null ? startNpmValkey(port) : await startNative(native, resolve(folder), port);
  endWithUs(child, 'SIGTERM');
  const stop = () => stopChild(child, 'SIGTERM', STOP_WITHIN_MS);
  const url = `redis://127.0.0.1:${port}`;
  try {
    await waitUntilReady(child, url, signal);
  } catch (error) {
    await stop();
    throw error;
  }
  const description =
    native ?? 'Valkey from npm (in memory: the queue is rebuilt from PostgreSQL after a restart)';
  return { url, description, pid: child.pid ?? 0, stop };
}

function findInPath(searchPath: string, name: string): string | null {
  for (const folder of searchPath.split(delimiter)) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

async function startNative(command: string, folder: string, port: number): Promise<ChildProcess> {
  await mkdir(folder, { recursive: true });
  const pidFile = join(folder, 'redis.pid');
  await stopLeftover(pidFile, command);
  const settings = [
    '--port',
    port,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--pidfile',
    pidFile,
    '--appendonly',
    'yes',
    '--maxmemory-policy',
    'noeviction',
    '--save',
    '',
  ];
  return spawn(command, settings.map(String), { stdio: ['ignore', 'ignore', 'ignore'], detached: true });
}

/** A server of an earlier start that was killed would write the same append-only files as the new one. */
async function stopLeftover(pidFile: string, command: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => '0'));
  if (pid === 0) return;
  // The number may have been given to somebody else since.
  if ((await commandOf(pid)).includes(basename(command))) await stopProcess(pid, 'SIGTERM', STOP_WITHIN_MS);
}

function startNpmValkey(port: number): ChildProcess {
  const main = fileURLToPath(new URL('./npm-valkey.js', import.meta.url));
  // A process of its own: a busy event loop here must not stop the queue, and a kill there must not stop us.
  // Detached, because Ctrl-C reaches every process of the terminal's group, and this one must stop after its clients.
  return fork(main, [String(port)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: {},
    detached: true,
  });
}

async function waitUntilReady(
  child: ChildProcess,
  url: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let failure: string | null = null;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code) => (failure ??= `it ended with ${code}`));
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => 25 });
  redis.on('error', () => undefined);
  try {
    const ready = redis.connect().then(() => redis.ping());
    ready.catch(() => undefined);
    for (let waitedMs = 0; ; waitedMs += 10) {
      signal?.throwIfAborted();
      if (failure !== null) throw new Error(`Redis did not start: ${failure as string}`);
      if (waitedMs > START_WITHIN_MS) throw new Error('Redis did not start in time');
      if (redis.status === 'ready') break;
      await delay(10);
    }
    await redis.config('SET', 'stream-node-max-bytes', STREAM_NODE_BYTES);
  } finally {
    redis.disconnect();
  }
}

import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../../../src/platform/index.js';
import { readProcesses, until } from '../support.js';

export interface KillablePostgres {
  url: string;
  pid: number;
  /** SIGKILL to the server and each of its sessions: what was committed is on disk, and nothing else is. */
  kill(): Promise<void>;
  /** Starts again where it was, on the same folder and port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

// Four processes with ten connections each, the runner's own, and room.
const CONNECTIONS_MAX = 80;
const GONE_WITHIN_MS = 5_000;

/** A PostgreSQL of its own that keeps each commit, whatever is killed. */
export async function startKillablePostgres(): Promise<KillablePostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'spell-faults-'));
  // PostgreSQL runs as somebody else when we are root, and that one has to reach its folder.
  await chmod(folder, 0o755);
  const options = { folder: join(folder, 'postgres'), isDurable: true, connectionsMax: CONNECTIONS_MAX };
  let server = await startEmbeddedPostgres(options);
  const { url } = server;
  // It runs in a session of its own and would outlive a run that is broken off.
  const abandon = () => {
    killIfThere(server.pid);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', abandon);
  const port = Number(new URL(url).port);
  await doWithoutFsync(url);
  return {
    url,
    get pid() {
      return server.pid;
    },
    kill: () => killServer(server.pid),
    start: async () => {
      server = await startEmbeddedPostgres({ ...options, port });
    },
    stop: async () => {
      process.off('exit', abandon);
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What a killed process has written the kernel still has; only a power failure, which nobody makes here, wants fsync. */
async function doWithoutFsync(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('ALTER SYSTEM SET fsync = off');
    await client.query('SELECT pg_reload_conf()');
  } finally {
    await client.end();
  }
}

/** Each session is a process group of its own, so the group of the server does not have them. */
async function killServer(pid: number): Promise<void> {
  // Stopped first, so that it starts nobody while its children are looked for.
  process.kill(pid, 'SIGSTOP');
  const children = (await readProcesses()).filter(({ parent }) => parent === pid);
  for (const child of children) killIfThere(child.pid);
  killIfThere(pid);
  const killed = new Set([pid, ...children.map((child) => child.pid)]);
  // A process that has ended but was not waited for yet has no command line.
  await until('PostgreSQL is gone', GONE_WITHIN_MS, async () => {
    const processes = await readProcesses();
    return !processes.some((line) => killed.has(line.pid) && line.command.join('') !== '');
  });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

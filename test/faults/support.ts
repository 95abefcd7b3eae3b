import assert from 'node:assert/strict';
import { AsyncResource } from 'node:async_hooks';
import { fork, type ChildProcess } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DataSource } from '../../src/platform/index.js';
import type { Harness } from '../support/harness.js';
import { spawnProcess, type SpawnedProcess } from '../support/processes.js';
import { watchOn, type ApiClient, type CastEvent } from '../support/client.js';
import { CastDocument, type CastInput, type CastPartsFragment } from '../support/gql/graphql.js';

export const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Looks until `look` answers something, at most `withinMs`. */
export async function until<T>(
  what: string,
  withinMs: number,
  look: () => Promise<T | null | false>,
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== false) return found;
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await delay(25);
  }
}

export async function startCast(client: ApiClient, input: CastInput): Promise<string> {
  return (await client.get(CastDocument, { input })).cast.cast.id;
}

/** Watches until the first event for which `matches` is true; answers it. */
export async function waitForEvent(
  client: ApiClient,
  castId: string,
  matches: (event: CastEvent) => boolean,
): Promise<CastEvent> {
  const socket = client.openSocket();
  try {
    for await (const event of watchOn(socket, castId)) if (matches(event)) return event;
  } finally {
    await socket.dispose();
  }
  throw new Error(`cast ${castId} ended without that event`);
}

export function finalOf(events: CastEvent[]): CastPartsFragment {
  const last = events.at(-1);
  assert.ok(last?.__typename === 'CastFinished', `the last event is ${last?.__typename}`);
  assert.equal(events.filter(({ __typename }) => __typename === 'CastFinished').length, 1);
  return last.cast;
}

/** 1, 2, 3 … without a gap: every event was seen once and in order. */
export function assertGapless(events: CastEvent[]): void {
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  );
}

/** What the guest wrote in one attempt. */
export function outputOf(events: CastEvent[], attempt: number): string {
  const own = events.filter((event) => event.attempt === attempt);
  return own.flatMap((event) => (event.__typename === 'CastOutput' ? [event.text ?? ''] : [])).join('');
}

/** What must hold once everything has ended: every cast final, nothing held, nothing left to deliver. */
export async function assertSettled(database: DataSource, withinMs: number): Promise<void> {
  await until('every cast is final and the outbox is empty', withinMs, async () => {
    const [row] = await database.query(`
      SELECT (SELECT count(*) FROM casts WHERE status IN ('QUEUED', 'RUNNING'))::int AS open,
             (SELECT count(*) FROM outbox)::int AS undelivered`);
    return row.open === 0 && row.undelivered === 0;
  });
  const [row] = await database.query(`
    SELECT coalesce(sum(held_micros), 0)::int AS held,
           count(*) FILTER (WHERE finished_at IS NULL OR final_sequence IS NULL OR cost_micros IS NULL)::int AS incomplete,
           count(*) FILTER (WHERE lease_until IS NOT NULL)::int AS leased FROM casts`);
  assert.deepEqual(row, { held: 0, incomplete: 0, leased: 0 });
}

/** Worker processes, and which of them runs a cast. */
export class Fleet {
  readonly #harness: Harness;
  readonly #settings: Record<string, string>;
  // Bound to the suite that makes the fleet: what a test starts itself is killed when that test ends.
  readonly #spawn = AsyncResource.bind((environment: Record<string, string>) =>
    spawnProcess('worker', environment),
  );
  #workers: SpawnedProcess[] = [];

  constructor(harness: Harness, settings: Record<string, string> = {}) {
    this.#harness = harness;
    this.#settings = { SPELL_SANDBOXES: '1', ...settings };
  }

  /** Starts as many as are missing to `count`. */
  async fill(count: number): Promise<void> {
    const missing = Array.from({ length: Math.max(0, count - this.#workers.length) }, () =>
      this.#spawn({ ...this.#harness.environment, ...this.#settings }),
    );
    this.#workers.push(...(await Promise.all(missing)));
  }

  /** The worker that has claimed the cast, as its row says. It leaves the fleet: its test will end it. */
  async takeOwner(castId: string): Promise<SpawnedProcess> {
    const [row] = await this.#harness.app.database.query(
      `SELECT worker_id, status FROM casts WHERE id = $1`,
      [castId],
    );
    assert.equal(row.status, 'RUNNING', 'the cast was caught in the middle');
    const pid = Number(String(row.worker_id).split('/')[1]);
    const owner = this.#workers.find(({ child }) => child.pid === pid);
    assert.ok(owner, `one of the fleet has claimed it, not ${row.worker_id}`);
    this.#workers = this.#workers.filter((worker) => worker !== owner);
    return owner;
  }
}

/** SIGTERM, and gone when this resolves. */
export async function terminate({ child }: SpawnedProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

export interface OwnRedis {
  url: string;
  /** SIGKILL: everything in it is lost. */
  kill(): Promise<void>;
  /** Starts again, empty, on the same port. */
  start(): Promise<void>;
}

/** A Redis server of this file alone, that can be killed and come back where it was. */
export async function startOwnRedis(): Promise<OwnRedis> {
  const port = await freePort();
  const main = fileURLToPath(new URL('../../src/platform/npm-valkey.js', import.meta.url));
  let child: ChildProcess | null = null;
  const kill = async () => {
    if (child === null) return;
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    child = null;
  };
  const start = async () => {
    child = fork(main, [String(port)], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: {} });
    await until('Redis listens', 10_000, () => canConnect(port));
  };
  after(kill);
  await start();
  return { url: `redis://127.0.0.1:${port}`, kill, start };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** The guests among the descendants of a process: the Node processes that run WASM. */
export async function guestsOf(parent: number): Promise<number[]> {
  const processes = await readProcesses();
  const shells = new Set(processes.filter((line) => line.parent === parent).map(({ pid }) => pid));
  return processes
    .filter(
      (line) =>
        shells.has(line.parent) &&
        line.command[0] === process.execPath &&
        line.command.join().includes('guest-process'),
    )
    .map(({ pid }) => pid);
}

interface RunningProcess {
  pid: number;
  parent: number;
  command: string[];
}

/** Every process of this machine. */
export async function readProcesses(): Promise<RunningProcess[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(names.map((name) => readProcess(Number(name))));
  return found.filter((line) => line !== null);
}

async function readProcess(pid: number): Promise<RunningProcess | null> {
  try {
    const [stat, command] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    return { pid, parent, command: command.split('\0') };
  } catch {
    return null; // It has ended meanwhile.
  }
}

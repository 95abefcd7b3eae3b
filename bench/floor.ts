import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import type { Caster } from './measure.js';

/**
 * The least that a cast could be, with no product code: insert a row, push its id, pop it, instantiate the same
 * module in this process with the few imports it needs, update the row, publish, hear it. No sandbox, no
 * authentication, no schema, no lease, no stream, nothing that survives a kill.
 */
const MODULE = fileURLToPath(new URL('../../spells/word-count/spell.wasm', import.meta.url));
const INPUT = Buffer.from('to be or not to be');
const CONSUMERS = 4;
const CONNECTIONS = 10;
const QUEUE = 'floor';

export async function openFloor(services: { databaseUrl: string; redisUrl: string }): Promise<Caster> {
  const pool = new Pool({ connectionString: services.databaseUrl, max: CONNECTIONS });
  await pool.query(
    'CREATE TABLE floor_casts (id uuid PRIMARY KEY, status text NOT NULL, input bytea NOT NULL, output bytea)',
  );
  const redis = new Redis(services.redisUrl);
  const subscriber = new Redis(services.redisUrl);
  const waiting = new Map<string, () => void>();
  await subscriber.subscribe('floor-done');
  subscriber.on('message', (_channel, id) => waiting.get(id)?.());
  const module = await WebAssembly.compile(await readFile(MODULE));
  const consumers = Array.from(
    { length: CONSUMERS },
    () => new Redis(services.redisUrl, { maxRetriesPerRequest: null }),
  );
  consumers.forEach((consumer) => void consume(consumer, pool, redis, module));

  return {
    castOnce: async () => {
      const id = randomUUID();
      await pool.query(`INSERT INTO floor_casts (id, status, input) VALUES ($1, 'QUEUED', $2)`, [id, INPUT]);
      const done = new Promise<void>((resolve) => waiting.set(id, resolve));
      await redis.lpush(QUEUE, id);
      await done;
      waiting.delete(id);
    },
    close: async () => {
      [...consumers, redis, subscriber].forEach((connection) => connection.disconnect());
      await pool.query('DROP TABLE floor_casts');
      await pool.end();
    },
  };
}

async function consume(consumer: Redis, pool: Pool, redis: Redis, module: WebAssembly.Module): Promise<void> {
  for (;;) {
    const popped = await consumer.brpop(QUEUE, 0).catch(() => null);
    if (popped === null) return;
    const [, id] = popped;
    const { rows } = await pool.query<{ input: Buffer }>('SELECT input FROM floor_casts WHERE id = $1', [id]);
    const output = runGuest(module, rows[0]?.input ?? INPUT);
    await pool.query(`UPDATE floor_casts SET status = 'SUCCEEDED', output = $2 WHERE id = $1`, [id, output]);
    await redis.publish('floor-done', id);
  }
}

/** Just enough of WASI for a program that reads stdin and writes stdout. */
function runGuest(module: WebAssembly.Module, input: Buffer): Buffer {
  const output: Buffer[] = [];
  let left = input;
  const io = (iovecs: number, count: number, sizeAt: number, move: (bytes: Buffer) => number): number => {
    const memory = Buffer.from((instance.exports['memory'] as WebAssembly.Memory).buffer);
    let moved = 0;
    for (let i = 0; i < count; i++) {
      const at = memory.readUInt32LE(iovecs + 8 * i);
      moved += move(memory.subarray(at, at + memory.readUInt32LE(iovecs + 8 * i + 4)));
    }
    memory.writeUInt32LE(moved, sizeAt);
    return 0;
  };
  const read = (bytes: Buffer) => {
    const size = left.copy(bytes);
    left = left.subarray(size);
    return size;
  };
  const write = (bytes: Buffer) => output.push(Buffer.from(bytes)) && bytes.length;
  const none = (countAt: number, sizeAt: number) => {
    const memory = Buffer.from((instance.exports['memory'] as WebAssembly.Memory).buffer);
    memory.writeUInt32LE(0, countAt);
    memory.writeUInt32LE(0, sizeAt);
    return 0;
  };
  const instance: WebAssembly.Instance = new WebAssembly.Instance(module, {
    wasi_snapshot_preview1: {
      fd_read: (_fd: number, iovecs: number, count: number, sizeAt: number) =>
        io(iovecs, count, sizeAt, read),
      fd_write: (fd: number, iovecs: number, count: number, sizeAt: number) =>
        io(iovecs, count, sizeAt, fd === 1 ? write : (bytes) => bytes.length),
      environ_sizes_get: none,
      environ_get: () => 0,
      proc_exit: () => {
        throw new Error('exit');
      },
    },
  });
  (instance.exports['_start'] as () => void)();
  return Buffer.concat(output);
}

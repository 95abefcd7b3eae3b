import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import type { Caster } from './measure.js';
import { compileFloorGuest, runFloorGuest } from './floor-guest.js';

export interface FloorOptions {
  databaseUrl: string;
  redisUrl: string;
  accounts: number;
}

/**
 * What a cast with a budget costs when it is written by hand, with one transaction for each step and no product
 * code: accept (hold and row), push its id, pop it, claim, run the module in this process, settle (row and budget),
 * publish the end. Each transaction is one prepared statement, which is the cheapest there is. No sandbox, no
 * authentication, no schema, no lease, no stored stream.
 */
const INPUT = Buffer.from('to be or not to be');
const PRICE_MICROS = 1;
const CONSUMERS = 4;
const CONNECTIONS = 10;
const QUEUE = 'floor';
const DONE = 'floor-done';

export async function openFloor(options: FloorOptions): Promise<Caster> {
  const pool = new Pool({ connectionString: options.databaseUrl, max: CONNECTIONS });
  await pool.query(TABLES);
  await pool.query(`INSERT INTO floor_budgets (account) SELECT generate_series(0, $1 - 1)`, [
    options.accounts,
  ]);
  const redis = new Redis(options.redisUrl);
  const subscriber = new Redis(options.redisUrl);
  const waiting = new Map<string, () => void>();
  await subscriber.subscribe(DONE);
  subscriber.on('message', (_channel, id) => waiting.get(id)?.());
  const guest = await compileFloorGuest();
  const consumers = Array.from(
    { length: CONSUMERS },
    () => new Redis(options.redisUrl, { maxRetriesPerRequest: null }),
  );
  consumers.forEach((consumer) => void consume(consumer, pool, redis, guest));
  let next = 0;

  return {
    castOnce: async () => {
      const id = randomUUID();
      next += 1;
      const { rowCount } = await pool.query({
        ...ACCEPT,
        values: [id, next % options.accounts, PRICE_MICROS, INPUT],
      });
      if (rowCount !== 1) throw new Error('the budget of the bare loop is used up');
      const done = new Promise<void>((resolve) => waiting.set(id, resolve));
      await redis.lpush(QUEUE, id);
      await done;
      waiting.delete(id);
    },
    close: async () => {
      [...consumers, redis, subscriber].forEach((connection) => connection.disconnect());
      await pool.query('DROP TABLE floor_casts, floor_budgets');
      await pool.end();
    },
  };
}

const TABLES = `
  CREATE TABLE floor_budgets (account int PRIMARY KEY, spent bigint NOT NULL DEFAULT 0, held bigint NOT NULL DEFAULT 0);
  CREATE TABLE floor_casts (id uuid PRIMARY KEY, account int NOT NULL, status text NOT NULL, attempts int NOT NULL DEFAULT 0,
    input bytea NOT NULL, output bytea, held bigint NOT NULL)`;

const ACCEPT = {
  name: 'accept',
  text: `WITH hold AS (
           UPDATE floor_budgets SET held = held + $3 WHERE account = $2 AND spent + held + $3 <= 1000000000 RETURNING account)
         INSERT INTO floor_casts (id, account, status, input, held) SELECT $1, account, 'QUEUED', $4, $3 FROM hold`,
};
const CLAIM = {
  name: 'claim',
  text: `UPDATE floor_casts SET status = 'RUNNING', attempts = attempts + 1 WHERE id = $1 AND status = 'QUEUED'
         RETURNING input, attempts`,
};
const SETTLE = {
  name: 'settle',
  text: `WITH settled AS (
           UPDATE floor_casts SET status = 'SUCCEEDED', output = $3 WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'
           RETURNING account, held)
         UPDATE floor_budgets b SET held = b.held - s.held, spent = spent + s.held FROM settled s WHERE b.account = s.account`,
};

async function consume(consumer: Redis, pool: Pool, redis: Redis, guest: WebAssembly.Module): Promise<void> {
  for (;;) {
    const popped = await consumer.brpop(QUEUE, 0).catch(() => null);
    if (popped === null) return;
    const [, id] = popped;
    const { rows } = await pool.query<{ input: Buffer; attempts: number }>({ ...CLAIM, values: [id] });
    const [claimed] = rows;
    if (claimed === undefined) continue;
    const output = runFloorGuest(guest, claimed.input);
    await pool.query({ ...SETTLE, values: [id, claimed.attempts, output] });
    await redis.publish(DONE, id);
  }
}

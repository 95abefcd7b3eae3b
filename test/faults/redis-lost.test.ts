import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectRedis, createLogger } from '../../src/platform/index.js';
import { CancelCastDocument, CastByIdDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import {
  assertGapless,
  assertSettled,
  delay,
  finalOf,
  startCast,
  startOwnRedis,
  until,
  waitForEvent,
} from './support.js';

const CASTS = 100;

describe('Redis that loses everything', async () => {
  const redis = await startOwnRedis();
  const { seed, app } = await startHarness({ environment: { REDIS_URL: redis.url, SPELL_SANDBOXES: '4' } });
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast', 'read']);
  const [quick, ticker, sleeper, endless] = await Promise.all([
    seed.spell(maker, { guest: 'quick', pricing: { model: 'flat', price_usd: '0.01' } }),
    seed.spell(maker, { guest: 'ticker' }),
    seed.spell(maker, { guest: 'sleeper' }),
    seed.spell(maker, { guest: 'endless', runtime: { max_fuel: 9_000_000_000_000, timeout_ms: 120_000 } }),
  ]);
  const acceptMany = (count: number) =>
    Promise.all(Array.from({ length: count }, () => startCast(client, { spell: quick })));
  /** Every one of these casts has ended, as a success, charged once. */
  const assertAllSucceeded = async (ids: string[]) => {
    const rows: { status: string; cost_micros: string }[] = await app.database.query(
      `SELECT status, cost_micros FROM casts WHERE id = ANY($1::uuid[])`,
      [ids],
    );
    assert.equal(rows.length, ids.length);
    for (const row of rows) assert.deepEqual(row, { status: 'SUCCEEDED', cost_micros: '10000' });
  };
  const endOf = async (id: string, withinMs: number) =>
    until(`cast ${id} is final`, withinMs, async () => {
      const [row] = await app.database.query(
        `SELECT status FROM casts WHERE id = $1 AND finished_at IS NOT NULL`,
        [id],
      );
      return (row?.status as string | undefined) ?? null;
    });

  it(`FLUSHALL while ${CASTS} casts are queued and running: each ends, once`, async () => {
    const admin = connectRedis(redis.url, createLogger({ level: 'silent', name: 'test' }), 'test');
    const ids = await acceptMany(CASTS);
    const watching = Promise.all(ids.slice(0, 20).map((id) => client.watch(id)));
    await delay(400);
    const [{ open }] = await app.database.query(
      `SELECT count(*)::int AS open FROM casts WHERE finished_at IS NULL`,
    );
    assert.ok(open > 10, `${open} casts are open when Redis is emptied`);
    await admin.flushall();
    admin.disconnect();
    await assertSettled(app.database, 45_000);
    await assertAllSucceeded(ids);
    for (const events of await watching) {
      finalOf(events);
      const sequences = events.map(({ sequence }) => sequence);
      assert.deepEqual(
        sequences,
        [...new Set(sequences)].sort((a, b) => a - b),
        'rising, and none twice',
      );
    }
  });

  it('killed, and back on the same port while casts are queued and running: each ends, once', async () => {
    const ids = await acceptMany(40);
    await delay(200);
    await redis.kill();
    await delay(500);
    await redis.start();
    await assertSettled(app.database, 45_000);
    await assertAllSucceeded(ids);
    for (const id of ids.slice(0, 5)) finalOf(await client.watch(id));
  });

  it('while it is away casts are still accepted; they run when it is back', async () => {
    await redis.kill();
    let ids: string[] = [];
    try {
      ids = await acceptMany(10);
    } finally {
      await redis.start();
    }
    for (const id of ids) assert.equal(await endOf(id, 20_000), 'SUCCEEDED');
  });

  it('while it is away a running cast ends, and its end can be read', async () => {
    const id = await startCast(client, { spell: sleeper });
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastStarted');
    await redis.kill();
    try {
      // Three seconds of sleep, and five in which the worker waits for Redis to take the events.
      assert.equal(await endOf(id, 12_000), 'SUCCEEDED');
      const { cast } = await client.get(CastByIdDocument, { id });
      assert.equal(cast?.output, 'done');
    } finally {
      await redis.start();
    }
    assert.equal(finalOf(await client.watch(id)).output, 'done');
  });

  it('while it is away a running cast can be canceled, and cancelCast answers', async () => {
    const id = await startCast(client, { spell: endless });
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastLog');
    await redis.kill();
    try {
      const answer = client.get(CancelCastDocument, { input: { id } }).then(() => 'answered');
      assert.equal(
        await Promise.race([answer, delay(5_000)]),
        'answered',
        'cancelCast answers within five seconds',
      );
    } finally {
      await redis.start();
    }
    assert.equal(await endOf(id, 10_000), 'CANCELED');
  });

  it('back again, everything is as it was: streams are whole, cancel is quick', async () => {
    const events = await client.watch(await startCast(client, { spell: ticker }));
    assertGapless(events);
    assert.equal(finalOf(events).status, 'SUCCEEDED');
    const id = await startCast(client, { spell: endless });
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastLog');
    const { cancelCast } = await client.get(CancelCastDocument, { input: { id } });
    assert.equal(cancelCast.cast.status, 'CANCELED');
    await assertSettled(app.database, 5_000);
  });
});

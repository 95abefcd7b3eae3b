import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import {
  assertGapless,
  assertSettled,
  delay,
  finalOf,
  Fleet,
  outputOf,
  startCast,
  terminate,
  until,
  waitForEvent,
} from './support.js';

const PICKED_UP_WITHIN_MS = 10_000;
const TICKS = Array.from({ length: 40 }, (_, i) => `tick ${String.fromCharCode(48 + i)}\n`);
const TICKER_OUTPUT = TICKS.filter((_, index) => index % 2 === 0).join('');
const ENDLESS = {
  guest: 'endless',
  pricing: { model: 'metered', price_usd: '0.001', usd_per_gigafuel: '0.001' },
  runtime: { max_fuel: 9_000_000_000_000, timeout_ms: 120_000 },
} as const;

describe('workers that are killed', async () => {
  const harness = await startHarness({ roles: ['api'] });
  const { seed, app } = harness;
  const fleet = new Fleet(harness);
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const [ticker, sleeper, endless] = await Promise.all([
    seed.spell(maker, { guest: 'ticker', pricing: ENDLESS.pricing }),
    seed.spell(maker, { guest: 'sleeper' }),
    seed.spell(maker, ENDLESS),
    fleet.fill(2),
  ]);

  it('killed in the middle of a cast: another picks it up within ten seconds, from the start', async (test) => {
    const id = await startCast(client, { spell: ticker });
    const watching = client.watch(id);
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastOutput');
    const victim = await fleet.takeOwner(id);
    const killedMs = performance.now();
    await victim.kill();
    await waitForEvent(client, id, (event) => event.__typename === 'CastStarted' && event.attempt === 2);
    const elapsedMs = performance.now() - killedMs;
    test.diagnostic(`picked up after ${Math.round(elapsedMs)} ms`);
    assert.ok(elapsedMs < PICKED_UP_WITHIN_MS, `it took ${Math.round(elapsedMs)} ms`);
    const events = await watching;
    assertGapless(events);
    const retried = events.filter(({ __typename }) => __typename === 'CastRetried');
    assert.deepEqual(
      retried.map(({ cursor }) => cursor),
      ['2-1'],
    );
    const cast = finalOf(events);
    assert.equal(cast.status, 'SUCCEEDED');
    assert.equal(cast.attempts, 2);
    assert.equal(cast.output, TICKER_OUTPUT);
    assert.equal(outputOf(events, 2), TICKER_OUTPUT);
    assert.deepEqual(await client.watch(id), events);
  });

  it('killed three times: FAILED with WORKER_LOST, charged nothing', async () => {
    const id = await startCast(client, { spell: endless });
    const watching = client.watch(id);
    for (let attempt = 1; attempt <= 3; attempt++) {
      const isRunning = waitForEvent(
        client,
        id,
        (event) => event.__typename === 'CastLog' && event.attempt === attempt,
      );
      await Promise.all([isRunning, fleet.fill(2)]);
      const victim = await fleet.takeOwner(id);
      await victim.kill();
    }
    const events = await watching;
    const cast = finalOf(events);
    assert.equal(cast.status, 'FAILED');
    assert.equal(cast.error?.code, 'WORKER_LOST');
    assert.equal(cast.attempts, 3);
    assert.equal(cast.costMicros, '0');
    assert.equal(events.filter(({ __typename }) => __typename === 'CastRetried').length, 2);
    assertGapless(events);
  });

  it('paused until its cast was taken: once awake it changes nothing', async () => {
    await fleet.fill(2);
    const id = await startCast(client, { spell: sleeper });
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastStarted');
    const paused = await fleet.takeOwner(id);
    paused.child.kill('SIGSTOP');
    await waitForEvent(client, id, (event) => event.__typename === 'CastStarted' && event.attempt === 2);
    paused.child.kill('SIGCONT');
    const events = await client.watch(id);
    const cast = finalOf(events);
    assert.equal(cast.status, 'SUCCEEDED');
    assert.equal(cast.attempts, 2);
    assert.equal(outputOf(events, 2), 'done');
    assertGapless(events);
    await delay(1_000);
    assert.deepEqual(await client.watch(id), events);
    await paused.kill();
  });

  it('in the end every cast is final, nothing is held, nothing is left to deliver', async () => {
    await fleet.fill(1);
    await assertSettled(app.database, 15_000);
  });
});

describe('a worker that is told to stop', async () => {
  const harness = await startHarness({ roles: ['api'], environment: { SPELL_ATTEMPTS_MAX: '1' } });
  const { seed, app } = harness;
  const fleet = new Fleet(harness);
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const [endless] = await Promise.all([seed.spell(maker, ENDLESS), fleet.fill(1)]);

  it('at the last attempt of a cast: the cast runs again or ends, but is not left QUEUED for ever', async () => {
    const id = await startCast(client, { spell: endless });
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastLog');
    const leaving = await fleet.takeOwner(id);
    await Promise.all([terminate(leaving), fleet.fill(1)]);
    try {
      await until('the cast runs again or is final', 8_000, async () => {
        const [row] = await app.database.query(`SELECT status, attempts FROM casts WHERE id = $1`, [id]);
        return row.status !== 'QUEUED' && (row.status !== 'RUNNING' || row.attempts > 1);
      });
    } finally {
      await client.fetch(`/v1/casts/${id}/cancel`, { method: 'POST' });
    }
    await assertSettled(app.database, 5_000);
  });

  it('while its cast is being canceled: the cast is CANCELED', async () => {
    await fleet.fill(1);
    const id = await startCast(client, { spell: endless });
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastLog');
    const leaving = await fleet.takeOwner(id);
    await Promise.all([terminate(leaving), client.fetch(`/v1/casts/${id}/cancel`, { method: 'POST' })]);
    assert.equal(finalOf(await client.watch(id)).status, 'CANCELED');
    await assertSettled(app.database, 5_000);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiClient } from '../support/client.js';
import { startHarness } from '../support/harness.js';
import { spawnProcess } from '../support/processes.js';
import {
  assertGapless,
  assertSettled,
  finalOf,
  Fleet,
  guestsOf,
  outputOf,
  startCast,
  terminate,
  waitForEvent,
} from './support.js';

const TICKS = Array.from({ length: 40 }, (_, i) => `tick ${String.fromCharCode(48 + i)}\n`);
const TICKER_OUTPUT = TICKS.filter((_, index) => index % 2 === 0).join('');

describe('processes that are killed or told to stop', async () => {
  const harness = await startHarness({ roles: ['api'] });
  const { seed, environment, app } = harness;
  const fleet = new Fleet(harness);
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast']);
  const { client } = caster;
  const [ticker, endless, victim] = await Promise.all([
    seed.spell(maker, { guest: 'ticker', pricing: { model: 'flat', price_usd: '0.01' } }),
    seed.spell(maker, { guest: 'endless', runtime: { max_fuel: 9_000_000_000_000, timeout_ms: 120_000 } }),
    spawnProcess('api', environment),
    fleet.fill(2),
  ]);

  it('a sandbox process killed from outside: the cast is begun again at once', async (test) => {
    const id = await startCast(client, { spell: ticker });
    const watching = client.watch(id);
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastOutput');
    const owner = await fleet.takeOwner(id);
    const guests = await guestsOf(owner.child.pid ?? 0);
    assert.ok(guests.length > 0, 'the worker has sandbox processes');
    const killedMs = performance.now();
    for (const pid of guests) process.kill(pid, 'SIGKILL');
    await waitForEvent(client, id, (event) => event.__typename === 'CastStarted' && event.attempt === 2);
    test.diagnostic(`begun again after ${Math.round(performance.now() - killedMs)} ms`);
    const events = await watching;
    assertGapless(events);
    const cast = finalOf(events);
    assert.equal(cast.status, 'SUCCEEDED');
    assert.equal(cast.attempts, 2);
    assert.equal(cast.costMicros, '10000');
    assert.equal(outputOf(events, 2), TICKER_OUTPUT);
    const retried = events.find((event) => event.__typename === 'CastRetried');
    assert.match((retried as { reason: string }).reason, /sandbox process/);
    await owner.kill();
  });

  it('an API process killed right after its answer: the accepted casts still end', async () => {
    const doomed = new ApiClient(victim.url, caster.apiKey);
    const ids = await Promise.all([1, 2, 3].map(() => startCast(doomed, { spell: ticker })));
    await victim.kill();
    const ended = await Promise.all(ids.map(async (id) => finalOf(await client.watch(id))));
    assert.deepEqual(
      ended.map(({ status }) => status),
      ['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED'],
    );
    for (const { output } of ended) assert.equal(output, TICKER_OUTPUT);
  });

  it('a cast whose process died between commit and delivery: another delivers it', async () => {
    const model = finalOf(await client.watch(await startCast(client, { spell: ticker })));
    const [{ id }] = await app.database.query(
      `INSERT INTO casts (id, account_id, api_key_id, spell_version_id, status, request_digest, input, timeout_ms,
                          max_memory_bytes, max_output_bytes, max_fuel, held_micros, queued_at, last_sequence)
       SELECT '01890000-0000-7000-8000-000000000001', account_id, api_key_id, spell_version_id, 'QUEUED', request_digest, input,
              timeout_ms, max_memory_bytes, max_output_bytes, max_fuel, 10000, now(), 1 FROM casts WHERE id = $1 RETURNING id`,
      [model.id],
    );
    await app.database.query(
      `INSERT INTO outbox (topic, payload, created_at)
       VALUES ('casts.enqueue', jsonb_build_object('castId', $1::text), now() - interval '1 minute')`,
      [id],
    );
    const events = await client.watch(id);
    assertGapless(events);
    assert.equal(finalOf(events).output, TICKER_OUTPUT);
  });

  it('a cast that neither queue nor outbox knows any more: the sweep finds it', async () => {
    const [{ id }] = await app.database.query(
      `INSERT INTO casts (id, account_id, api_key_id, spell_version_id, status, request_digest, input, timeout_ms,
                          max_memory_bytes, max_output_bytes, max_fuel, held_micros, queued_at, last_sequence)
       SELECT '01890000-0000-7000-8000-000000000002', c.account_id, api_key_id, spell_version_id, 'QUEUED', request_digest, input,
              timeout_ms, max_memory_bytes, max_output_bytes, max_fuel, 10000, now(), 1 FROM casts c
         JOIN spell_versions v ON v.id = c.spell_version_id JOIN spells s ON s.id = v.spell_id
        WHERE s.key = $1 LIMIT 1 RETURNING id`,
      [ticker],
    );
    assert.equal(finalOf(await client.watch(id)).status, 'SUCCEEDED');
  });

  it('a worker told to stop: a long cast goes on elsewhere, a short one is let end', async () => {
    await fleet.fill(2);
    const long = await startCast(client, { spell: endless });
    const watching = client.watch(long);
    await waitForEvent(client, long, ({ __typename }) => __typename === 'CastLog');
    const leaving = await fleet.takeOwner(long);
    const toldMs = performance.now();
    await terminate(leaving);
    const stoppedMs = performance.now() - toldMs;
    assert.equal(leaving.child.exitCode, 0);
    assert.ok(stoppedMs < 10_000, `stopping took ${Math.round(stoppedMs)} ms`);
    await waitForEvent(client, long, (event) => event.__typename === 'CastLog' && event.attempt === 2);
    assert.equal((await client.fetch(`/v1/casts/${long}/cancel`, { method: 'POST' })).status, 200);
    const events = await watching;
    assertGapless(events);
    assert.equal(finalOf(events).status, 'CANCELED');

    const short = await startCast(client, { spell: ticker });
    await waitForEvent(client, short, ({ __typename }) => __typename === 'CastOutput');
    await terminate(await fleet.takeOwner(short));
    const ended = finalOf(await client.watch(short));
    assert.equal(ended.status, 'SUCCEEDED');
    assert.equal(ended.attempts, 1, 'it was let end');
  });

  it('in the end every cast is final, nothing is held, nothing is left to deliver', async () => {
    await assertSettled(app.database, 10_000);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import { spawnProcess, type SpawnedProcess } from '../support/processes.js';
import { ApiClient } from '../support/client.js';
import { assertGapless, assertSettled, delay, finalOf, guestsOf, outputOf, startCast, until, waitForEvent } from './support.js';

const PICKED_UP_WITHIN_MS = 10_000;
const TICKS = Array.from({ length: 40 }, (_, i) => `tick ${String.fromCharCode(48 + i)}\n`);
const TICKER_OUTPUT = TICKS.filter((_, index) => index % 2 === 0).join('');

describe('processes that are killed', async () => {
  const { seed, environment, app } = await startHarness({ roles: ['api'] });
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast']);
  const { client } = caster;
  const pricing = { model: 'metered', price_usd: '0.001', usd_per_gigafuel: '0.001' };
  const [ticker, sleeper, endless] = await Promise.all([
    seed.spell(maker, { guest: 'ticker', pricing }),
    seed.spell(maker, { guest: 'sleeper', pricing }),
    seed.spell(maker, { guest: 'endless', pricing, runtime: { max_fuel: 9_000_000_000_000, timeout_ms: 120_000 } }),
  ]);
  const startWorker = () => spawnProcess('worker', { ...environment, SPELL_SANDBOXES: '1' });
  const statusOf = async (id: string): Promise<{ status: string; attempts: number }> => {
    const [row] = await app.database.query(`SELECT status, attempts FROM casts WHERE id = $1`, [id]);
    return row;
  };

  it('a worker killed in the middle of a cast: another picks it up within ten seconds, from the start', async (test) => {
    const victim = await startWorker();
    const id = await startCast(client, { spell: ticker });
    const watching = client.watch(id);
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastOutput');
    const heir = await startWorker();
    assert.equal((await statusOf(id)).status, 'RUNNING', 'the cast was caught in the middle');
    const killedMs = performance.now();
    await victim.kill();
    await waitForEvent(client, id, (event) => event.__typename === 'CastStarted' && event.attempt === 2);
    const elapsedMs = performance.now() - killedMs;
    test.diagnostic(`picked up after ${Math.round(elapsedMs)} ms`);
    assert.ok(elapsedMs < PICKED_UP_WITHIN_MS, `it took ${Math.round(elapsedMs)} ms`);
    const events = await watching;
    assertGapless(events);
    const retried = events.find(({ __typename }) => __typename === 'CastRetried');
    assert.equal(retried?.cursor, '2-1');
    const cast = finalOf(events);
    assert.equal(cast.status, 'SUCCEEDED');
    assert.equal(cast.attempts, 2);
    assert.equal(cast.output, TICKER_OUTPUT);
    assert.equal(outputOf(events, 2), TICKER_OUTPUT);
    assert.deepEqual(await client.watch(id), events);
    await heir.kill();
  });

  it('a worker killed three times: FAILED with WORKER_LOST, charged nothing', async () => {
    const id = await startCast(client, { spell: endless });
    const watching = client.watch(id);
    for (let attempt = 1; attempt <= 3; attempt++) {
      const victim = await startWorker();
      await waitForEvent(client, id, (event) => event.__typename === 'CastLog' && event.attempt === attempt);
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

  it('a sandbox process killed from outside: the cast is begun again at once', async (test) => {
    const worker = await startWorker();
    const id = await startCast(client, { spell: ticker });
    const watching = client.watch(id);
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastOutput');
    const guests = await guestsOf(worker.child.pid ?? 0);
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
    assert.equal(outputOf(events, 2), TICKER_OUTPUT);
    const retried = events.find((event) => event.__typename === 'CastRetried');
    assert.match((retried as { reason: string }).reason, /sandbox process/);
    await worker.kill();
  });

  it('an API process killed right after its answer: the accepted casts still end', async () => {
    const [victim, worker] = await Promise.all([spawnProcess('api', environment), startWorker()]);
    const doomed = new ApiClient(victim.url, caster.apiKey);
    // Stopped before the kill, so that not even the delivery that follows an answer happens.
    const ids = await Promise.all([1, 2, 3].map(() => startCast(doomed, { spell: sleeper })));
    await victim.kill();
    const ended = await Promise.all(ids.map(async (id) => finalOf(await client.watch(id))));
    assert.deepEqual(ended.map(({ status }) => status), ['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
    assert.deepEqual(ended.map(({ output }) => output), ['done', 'done', 'done']);
    await worker.kill();
  });

  it('an outbox row that nobody delivered is delivered by another process', async () => {
    const worker = await startWorker();
    const id = await startCast(client, { spell: ticker, idempotencyKey: 'orphan' });
    await client.watch(id);
    // As a process leaves it that died between its commit and its delivery.
    const [{ id: orphan }] = await app.database.query(
      `INSERT INTO casts (id, account_id, api_key_id, spell_version_id, status, request_digest, input, timeout_ms,
                          max_memory_bytes, max_output_bytes, max_fuel, held_micros, queued_at, last_sequence)
       SELECT '01890000-0000-7000-8000-000000000001', account_id, api_key_id, spell_version_id, 'QUEUED', request_digest, input,
              timeout_ms, max_memory_bytes, max_output_bytes, max_fuel, 5, now(), 1 FROM casts WHERE id = $1 RETURNING id`,
      [id],
    );
    await app.database.query(
      `INSERT INTO outbox (topic, payload, created_at)
       VALUES ('casts.enqueue', jsonb_build_object('castId', $1::text), now() - interval '1 minute')`,
      [orphan],
    );
    assert.equal(finalOf(await client.watch(orphan)).status, 'SUCCEEDED');
    await worker.kill();
  });

  it('a worker told to stop: a short cast ends there, a long one goes on elsewhere', async () => {
    const leaving = await startWorker();
    const long = await startCast(client, { spell: endless });
    const watching = client.watch(long);
    await waitForEvent(client, long, ({ __typename }) => __typename === 'CastLog');
    const heir = await startWorker();
    const toldMs = performance.now();
    await terminate(leaving);
    const stoppedMs = performance.now() - toldMs;
    assert.equal(leaving.child.exitCode, 0);
    assert.ok(stoppedMs < 10_000, `stopping took ${Math.round(stoppedMs)} ms`);
    await waitForEvent(client, long, (event) => event.__typename === 'CastLog' && event.attempt === 2);
    const canceled = await client.fetch(`/v1/casts/${long}/cancel`, { method: 'POST' });
    assert.equal(canceled.status, 200);
    const events = await watching;
    assertGapless(events);
    assert.equal(finalOf(events).status, 'CANCELED');

    const short = await startCast(client, { spell: ticker });
    await waitForEvent(client, short, ({ __typename }) => __typename === 'CastOutput');
    await terminate(heir);
    const ended = finalOf(await client.watch(short));
    assert.equal(ended.status, 'SUCCEEDED');
    assert.equal(ended.attempts, 1, 'it was let end');
  });

  it('a worker that is stopped while it waits out a pause finds its cast taken, and changes nothing', async () => {
    const paused = await startWorker();
    const id = await startCast(client, { spell: sleeper });
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastStarted');
    const heir = await startWorker();
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
    assert.deepEqual(await client.watch(id), events, 'the woken worker has added nothing');
    await Promise.all([paused.kill(), heir.kill()]);
  });

  it('a worker told to stop at the last attempt of a cast does not leave it QUEUED for ever', async () => {
    const single = { ...environment, SPELL_SANDBOXES: '1', SPELL_ATTEMPTS_MAX: '1' };
    const leaving = await spawnProcess('worker', single);
    const id = await startCast(client, { spell: endless });
    await waitForEvent(client, id, ({ __typename }) => __typename === 'CastLog');
    await terminate(leaving);
    const heir = await spawnProcess('worker', single);
    await until('the cast runs again or is final', 12_000, async () => {
      const { status, attempts } = await statusOf(id);
      return status !== 'QUEUED' && (attempts > 1 || status !== 'RUNNING');
    });
    await client.fetch(`/v1/casts/${id}/cancel`, { method: 'POST' });
    await heir.kill();
  });

  it('in the end every cast is final, nothing is held, nothing is left to deliver', async () => {
    const worker = await startWorker();
    await assertSettled(app.database, 15_000);
    await worker.kill();
  });
});

async function terminate(process: SpawnedProcess): Promise<void> {
  const ended = new Promise((resolve) => process.child.once('exit', resolve));
  process.child.kill('SIGTERM');
  await ended;
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiClient, watchOn, type CastEvent } from '../support/client.js';
import { startHarness } from '../support/harness.js';
import { spawnProcess } from '../support/processes.js';
import { assertGapless, assertSettled, finalOf, Fleet, startCast } from './support.js';

const CASTS = 300;
const CASTS_PER_SOCKET = 75;

describe('two API processes and two workers', async () => {
  const harness = await startHarness({ roles: ['api'] });
  const { seed, environment, app } = harness;
  const fleet = new Fleet(harness, { SPELL_SANDBOXES: '2' });
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast']);
  const [quick, echo, second] = await Promise.all([
    seed.spell(maker, { guest: 'quick', pricing: { model: 'flat', price_usd: '0.01' } }),
    seed.spell(maker, { guest: 'echo', pricing: { model: 'flat', price_usd: '0.02' } }),
    spawnProcess('api', environment),
    fleet.fill(2),
  ]);
  const apis = [caster.client, new ApiClient(second.url, caster.apiKey)] as const;

  it(`${CASTS} casts from both, each watched through the other: every event once, each settled once`, async () => {
    const casts = await Promise.all(
      Array.from({ length: CASTS }, async (_, index) => {
        const from = index % 2 === 0 ? 0 : 1;
        const spell = index % 3 === 0 ? echo : quick;
        const input = `cast ${index}`;
        return {
          id: await startCast(apis[from], { spell, input, idempotencyKey: input }),
          through: from === 0 ? 1 : 0,
          spell,
          input,
        };
      }),
    );
    assert.equal(new Set(casts.map(({ id }) => id)).size, CASTS);
    const sockets = Array.from({ length: (2 * CASTS) / (2 * CASTS_PER_SOCKET) }, (_, index) =>
      apis[index % 2 === 0 ? 0 : 1].openSocket(),
    );
    const watched = await Promise.all(
      casts.map(async ({ id, through }, index) => {
        const own = sockets.filter((_, at) => at % 2 === through);
        const socket = own[index % own.length];
        assert.ok(socket);
        const events: CastEvent[] = [];
        for await (const event of watchOn(socket, id)) events.push(event);
        return events;
      }),
    );
    for (const socket of sockets) await socket.dispose();
    watched.forEach((events, index) => {
      assertGapless(events);
      const cast = finalOf(events);
      assert.equal(cast.status, 'SUCCEEDED');
      assert.equal(cast.attempts, 1);
      assert.equal(cast.costMicros, casts[index]?.spell === echo ? '20000' : '10000');
      if (casts[index]?.spell === echo) assert.equal(cast.output, casts[index].input);
    });
    await assertSettled(app.database, 5_000);
    const workers = await app.database.query(`SELECT DISTINCT worker_id FROM casts`);
    assert.equal(workers.length, 2, 'both workers had their share');
    const [{ charged }] = await app.database.query(`SELECT sum(cost_micros)::int AS charged FROM casts`);
    assert.equal(charged, 100 * 20_000 + 200 * 10_000);
  });

  it('the same idempotency key at both at once is one cast', async () => {
    const input = { spell: echo, input: 'both', idempotencyKey: 'both at once' };
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, index) => startCast(apis[index % 2 === 0 ? 0 : 1], input)),
    );
    assert.equal(new Set(ids).size, 1);
    assert.equal(finalOf(await apis[1].watch(ids[0] ?? '')).output, 'both');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CastDocument,
  EstimateCastDocument,
  SetBudgetDocument,
  type CastInput,
} from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { runCast } from '../cast/run-cast.js';

describe('estimateCast', async () => {
  const { seed, client, app } = await startHarness();
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast']);
  const METERED = { model: 'metered', price_usd: '0.001', usd_per_gigafuel: '2' };

  const estimate = async (input: CastInput) =>
    (await caster.client.get(EstimateCastDocument, { input })).estimateCast;

  it('ok: the worst case is exactly what the cast then holds', async () => {
    for (const pricing of [{ model: 'free' }, { model: 'flat', price_usd: '0.0123' }, METERED]) {
      const spell = await seed.spell(maker, { pricing, runtime: { max_fuel: 12_345_678 } });
      const { worstCaseMicros, maxFuel } = await estimate({ spell });
      const { cast } = await caster.client.get(CastDocument, { input: { spell } });
      assert.equal(worstCaseMicros, cast.cast.heldMicros, pricing.model);
      assert.equal(maxFuel, '12345678');
    }
  });

  it('ok: limits and maxCostMicros lower it', async () => {
    const spell = await seed.spell(maker, { pricing: METERED, runtime: { max_fuel: 10_000_000 } });
    assert.deepEqual(await estimate({ spell }), {
      worstCaseMicros: '21000',
      maxFuel: '10000000',
      recentMedianMicros: null,
      refusedBy: null,
    });
    const lowered = await estimate({ spell, limits: { maxFuel: '500001' } });
    assert.deepEqual(lowered, {
      worstCaseMicros: '2001',
      maxFuel: '500001',
      recentMedianMicros: null,
      refusedBy: null,
    });
    const capped = await estimate({ spell, maxCostMicros: '3000' });
    assert.deepEqual(capped, {
      worstCaseMicros: '3000',
      maxFuel: '1000000',
      recentMedianMicros: null,
      refusedBy: null,
    });
  });

  it('ok: the median is of this account’s succeeded casts of this version', async () => {
    const spell = await seed.spell(maker, { pricing: METERED });
    const costs: bigint[] = [];
    for (const input of ['', 'a', 'b'.repeat(200_000)]) {
      costs.push(BigInt((await runCast(caster.client, { spell, input })).costMicros ?? '0'));
    }
    await runCast(caster.client, { spell, limits: { maxFuel: '1' } });
    const stranger = await seed.account(['cast']);
    await runCast(stranger.client, { spell, input: 'c'.repeat(900_000) });
    const median = costs.toSorted((a, b) => (a < b ? -1 : 1))[1];
    assert.equal((await estimate({ spell, input: '' })).recentMedianMicros, median?.toString());
  });

  it('ok: it casts nothing', async () => {
    const spell = await seed.spell(maker, {});
    await estimate({ spell, idempotencyKey: 'estimate' });
    const rows = await app.database.query(
      `SELECT 1 FROM casts c JOIN spell_versions v ON v.id = c.spell_version_id JOIN spells s ON s.id = v.spell_id WHERE s.key = $1`,
      [spell],
    );
    assert.equal(rows.length, 0);
  });

  it('bad input: whatever the cast would refuse', async () => {
    const spell = await seed.spell(maker, {
      input: 'json',
      schema: { type: 'object', required: ['width'] },
      pricing: { model: 'flat', price_usd: '0.01' },
    });
    const wrong: CastInput[] = [
      { spell, input: {} },
      { spell, input: { width: 1 }, limits: { maxMemoryMb: 100_000 } },
      { spell, input: { width: 1 }, maxCostMicros: '9999' },
      { spell: `${spell}@latest`, input: { width: 1 } },
    ];
    for (const input of wrong) {
      assert.equal(
        (await caster.client.refusal(EstimateCastDocument, { input })).extensions.code,
        'BAD_USER_INPUT',
      );
      assert.equal((await caster.client.refusal(CastDocument, { input })).extensions.code, 'BAD_USER_INPUT');
    }
  });

  it('ok: among budgets with as little room it names the one that the cast then names', async () => {
    const owner = await seed.account();
    const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
    for (const period of ['DAILY', 'MONTHLY'] as const)
      for (const [scope, subject] of [
        ['ACCOUNT', null],
        ['END_USER', 'ann'],
      ] as const)
        await owner.client.get(SetBudgetDocument, {
          input: { scope, subject, period, hardLimitMicros: '15000' },
        });
    const input = { spell, input: 'x', endUser: 'ann' };
    await runCast(owner.client, input);
    const { extensions } = await owner.client.refusal(CastDocument, { input });
    const { refusedBy } = (await owner.client.get(EstimateCastDocument, { input })).estimateCast;
    assert.deepEqual(
      [refusedBy?.scope, refusedBy?.subject ?? null, refusedBy?.period],
      [extensions['scope'], extensions['subject'], extensions['period']],
    );
  });

  it('not found, forbidden, unauthenticated', async () => {
    const spell = await seed.spell(maker, {});
    const unknown = await caster.client.refusal(EstimateCastDocument, {
      input: { spell: 'com.example.nobody' },
    });
    assert.equal(unknown.extensions.code, 'NOT_FOUND');
    const { client: publisher } = await seed.account(['publish']);
    assert.equal(
      (await publisher.refusal(EstimateCastDocument, { input: { spell } })).extensions.code,
      'FORBIDDEN',
    );
    assert.equal(
      (await client().refusal(EstimateCastDocument, { input: { spell } })).extensions.code,
      'UNAUTHENTICATED',
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { periodAt } from '../../../src/budgets/budget.js';
import {
  CancelCastDocument,
  CastDocument,
  DeleteBudgetDocument,
  EstimateCastDocument,
  RotateApiKeyDocument,
  SetBudgetDocument,
  type CastInput,
  type SetBudgetInput,
} from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import type { SeededAccount } from '../../support/seed.js';

// Without a worker what is accepted stays queued, and holds.
describe('cast: budgets', async () => {
  let now = new Date('2026-11-30T23:59:50.000Z');
  const { seed, client, app } = await startHarness({ roles: ['api'], clock: { now: () => now } });
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
  const other = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
  const free = await seed.spell(maker, {});

  const set = (owner: SeededAccount, input: SetBudgetInput) => owner.client.get(SetBudgetDocument, { input });
  const cast = async (owner: SeededAccount, input: Partial<CastInput> = {}) =>
    (await owner.client.get(CastDocument, { input: { spell, input: 'x', ...input } })).cast.cast;
  const refused = async (owner: SeededAccount, input: Partial<CastInput> = {}) => {
    const { errors, status } = await owner.client.ask(CastDocument, {
      input: { spell, input: 'x', ...input },
    });
    assert.equal(errors[0]?.extensions.code, 'BUDGET_EXCEEDED');
    assert.equal(status, 200);
    const { code: _code, requestId: _requestId, ...details } = errors[0].extensions;
    return details;
  };

  it('ok up to the last micro; then BUDGET_EXCEEDED with every number', async () => {
    const owner = await seed.account();
    await set(owner, { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '29999' });
    await cast(owner);
    await cast(owner);
    assert.deepEqual(await refused(owner), {
      scope: 'ACCOUNT',
      subject: null,
      period: 'DAILY',
      limitMicros: '29999',
      spentMicros: '0',
      heldMicros: '20000',
      requiredMicros: '10000',
      periodEnd: periodAt('DAILY', now).end.toISOString(),
    });
    await set(owner, { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '30000' });
    await cast(owner);
    await refused(owner);
  });

  it('402 by REST, as a problem with the same details', async () => {
    const owner = await seed.account();
    await set(owner, { scope: 'ACCOUNT', period: 'MONTHLY', hardLimitMicros: '9999' });
    const body = JSON.stringify({ spell_name: spell, payload: 'x' });
    const response = await owner.client.fetch('/v1/cast', { method: 'POST', body });
    assert.equal(response.status, 402);
    const problem = (await response.json()) as Record<string, unknown>;
    assert.equal(problem['code'], 'BUDGET_EXCEEDED');
    assert.equal(problem['requiredMicros'], '10000');
    assert.equal(problem['periodEnd'], '2026-12-01T00:00:00.000Z');
  });

  it('a canceled cast gives its hold back', async () => {
    const owner = await seed.account();
    await set(owner, { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '10000' });
    const { id } = await cast(owner);
    await refused(owner);
    await owner.client.get(CancelCastDocument, { input: { id } });
    await cast(owner);
  });

  it('each scope binds its own casts only', async () => {
    const owner = await seed.account();
    const second = await seed.key(owner.accountId, ['cast']);
    await set(owner, { scope: 'API_KEY', subject: owner.keyPrefix, period: 'DAILY', hardLimitMicros: '0' });
    assert.equal((await refused(owner))['scope'], 'API_KEY');
    await cast(second);
    await set(owner, { scope: 'SPELL', subject: spell, period: 'DAILY', hardLimitMicros: '0' });
    assert.deepEqual(
      [(await refused(second))['scope'], (await refused(second))['subject']],
      ['SPELL', spell],
    );
    await cast(second, { spell: other });
    await set(owner, { scope: 'END_USER', subject: 'ann', period: 'DAILY', hardLimitMicros: '0' });
    assert.equal((await refused(second, { spell: other, endUser: 'ann' }))['scope'], 'END_USER');
    await cast(second, { spell: other, endUser: 'bob' });
    await cast(second, { spell: other });
  });

  it('the one with the least room refuses; none of the others keeps a hold', async () => {
    const owner = await seed.account();
    await set(owner, { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '1000000' });
    await set(owner, { scope: 'SPELL', subject: spell, period: 'DAILY', hardLimitMicros: '9000' });
    await set(owner, { scope: 'END_USER', subject: 'ann', period: 'MONTHLY', hardLimitMicros: '8000' });
    assert.equal((await refused(owner, { endUser: 'ann' }))['limitMicros'], '8000');
    const [held] = await app.database.query(
      `SELECT coalesce(sum(held_micros), 0)::int AS micros FROM budget_periods p JOIN budgets b ON b.id = p.budget_id
        WHERE b.account_id = $1`,
      [owner.accountId],
    );
    assert.equal(held.micros, 0);
  });

  it('a rotated key stays under the budget of the key it came from', async () => {
    const owner = await seed.account();
    await set(owner, {
      scope: 'API_KEY',
      subject: owner.keyPrefix,
      period: 'DAILY',
      hardLimitMicros: '10000',
    });
    const rotated = await owner.client.get(RotateApiKeyDocument, { input: { prefix: owner.keyPrefix } });
    const again = await client(rotated.rotateApiKey.secret).get(RotateApiKeyDocument, {
      input: { prefix: rotated.rotateApiKey.apiKey.prefix },
    });
    const successor = { ...owner, client: client(again.rotateApiKey.secret) };
    await cast(successor);
    assert.equal((await refused(successor))['subject'], owner.keyPrefix);
    await refused(owner);
  });

  it('a soft limit alone refuses nothing, and a free cast asks no budget', async () => {
    const owner = await seed.account();
    await set(owner, { scope: 'ACCOUNT', period: 'DAILY', softLimitMicros: '0' });
    await cast(owner);
    await set(owner, { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '0' });
    await refused(owner);
    assert.equal((await cast(owner, { spell: free })).heldMicros, '0');
  });

  it('lowered below what is held: new casts are refused, the running ones stay; deleted: nothing refuses', async () => {
    const owner = await seed.account();
    const key = { scope: 'ACCOUNT', period: 'DAILY' } as const;
    await set(owner, { ...key, hardLimitMicros: '50000' });
    const held = [await cast(owner), await cast(owner)];
    const { budget } = (await set(owner, { ...key, hardLimitMicros: '5000' })).setBudget;
    assert.deepEqual([budget.heldMicros, budget.remainingMicros], ['20000', '0']);
    await refused(owner);
    assert.equal(
      (await owner.client.get(CancelCastDocument, { input: { id: held[0]?.id ?? '' } })).cancelCast.cast
        .status,
      'CANCELED',
    );
    await owner.client.get(DeleteBudgetDocument, { input: key });
    await cast(owner);
    await owner.client.get(CancelCastDocument, { input: { id: held[1]?.id ?? '' } });
  });

  it('estimateCast names the budget that would refuse', async () => {
    const owner = await seed.account();
    const input = { spell, input: 'x', endUser: 'ann' };
    assert.equal((await owner.client.get(EstimateCastDocument, { input })).estimateCast.refusedBy, null);
    await set(owner, { scope: 'END_USER', subject: 'ann', period: 'DAILY', hardLimitMicros: '15000' });
    assert.equal((await owner.client.get(EstimateCastDocument, { input })).estimateCast.refusedBy, null);
    await cast(owner, { endUser: 'ann' });
    const { refusedBy } = (await owner.client.get(EstimateCastDocument, { input })).estimateCast;
    assert.deepEqual(refusedBy, await refused(owner, { endUser: 'ann' }));
  });

  it('a new period begins with nothing; a cast is settled in the one that accepted it', async () => {
    const owner = await seed.account();
    const monthly = { scope: 'ACCOUNT', period: 'MONTHLY' } as const;
    await set(owner, { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '10000' });
    await set(owner, { ...monthly, hardLimitMicros: '10000' });
    const before = await cast(owner);
    await refused(owner);
    const earlier = now;
    now = new Date('2026-12-01T00:00:00.000Z');
    try {
      await cast(owner);
      await refused(owner);
      await owner.client.get(CancelCastDocument, { input: { id: before.id } });
      await refused(owner);
      const periods = await app.database.query(
        `SELECT p.period_start, p.held_micros::int AS held FROM budget_periods p JOIN budgets b ON b.id = p.budget_id
          WHERE b.account_id = $1 AND b.period = 'MONTHLY' ORDER BY p.period_start`,
        [owner.accountId],
      );
      assert.deepEqual(
        periods.map((row: { period_start: Date; held: number }) => [
          row.period_start.toISOString(),
          row.held,
        ]),
        [
          ['2026-11-01T00:00:00.000Z', 0],
          ['2026-12-01T00:00:00.000Z', 10_000],
        ],
      );
    } finally {
      now = earlier;
    }
  });
});

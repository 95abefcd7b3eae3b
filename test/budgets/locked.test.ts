import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toAppError } from '../../src/platform/index.js';
import { CastDocument, DeleteBudgetDocument, SetBudgetDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { holdLock } from './hold-lock.js';
import { openInstance, principalOf } from './instances.js';

const KEY = { scope: 'ACCOUNT', period: 'DAILY' } as const;
const OTHERS = 60;
// Some milliseconds each, and on a busy machine some hundred. Waiting for the lock would take fifteen seconds.
const OTHERS_WITHIN_MS = 6_000;

describe('one budget period that is locked', async () => {
  const harness = await startHarness({ roles: ['api'] });
  const { seed, app } = harness;
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
  const budgeted = async () => {
    const owner = await seed.account();
    const input = { ...KEY, hardLimitMicros: '100000000' };
    const { budget } = (await owner.client.get(SetBudgetDocument, { input })).setBudget;
    await owner.client.get(CastDocument, { input: { spell, input: 'x' } });
    return { owner, budgetId: budget.id, principal: await principalOf(harness, owner.keyPrefix) };
  };
  const lockOf = (budgetId: string) =>
    holdLock(app.database, `SELECT FROM budget_periods WHERE budget_id = $1 FOR UPDATE`, [budgetId]);

  it('makes its own account wait, and nobody else', { timeout: 60_000 }, async () => {
    const instance = await openInstance(harness);
    const locked = await budgeted();
    const others = await Promise.all(Array.from({ length: OTHERS }, budgeted));
    const release = await lockOf(locked.budgetId);
    const own = Array.from({ length: 10 }, () => instance.request(locked.principal, { spell, input: 'x' }));
    const startedMs = performance.now();
    for (let round = 0; round < 3; round += 1)
      await Promise.all(others.map(({ principal }) => instance.request(principal, { spell, input: 'x' })));
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < OTHERS_WITHIN_MS, `others took ${tookMs} ms`);
    await release();
    // On a busy machine the others take longer than its own casts are tried.
    for (const answer of await Promise.allSettled(own))
      if (answer.status === 'rejected') assert.equal(toAppError(answer.reason).code, 'UNAVAILABLE');
    await instance.request(locked.principal, { spell, input: 'x' });
    assert.deepEqual(await app.database.query(`SELECT * FROM hold_differences()`), []);
  });

  it(
    'is answered UNAVAILABLE when it lasts, also to who sets or deletes the budget',
    { timeout: 60_000 },
    async () => {
      const { owner, budgetId } = await budgeted();
      const release = await lockOf(budgetId);
      const startedMs = performance.now();
      const set = { ...KEY, hardLimitMicros: '1' };
      const refusals = await Promise.all([
        owner.client.refusal(CastDocument, { input: { spell, input: 'x' } }),
        owner.client.refusal(SetBudgetDocument, { input: set }),
        owner.client.refusal(DeleteBudgetDocument, { input: KEY }),
      ]);
      for (const { extensions } of refusals) assert.equal(extensions.code, 'UNAVAILABLE');
      assert.ok(performance.now() - startedMs < 8_000);
      await release();
      await owner.client.get(CastDocument, { input: { spell, input: 'x' } });
    },
  );
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  BudgetsDocument,
  CastDocument,
  DeleteBudgetDocument,
  SetBudgetDocument,
} from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { runCast, waitForEnd } from '../cast/run-cast.js';

describe('deleteBudget', async () => {
  const { seed, client, app } = await startHarness();
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
  const key = { scope: 'ACCOUNT', period: 'DAILY' } as const;

  it('ok: it is answered as it was, and is gone', async () => {
    const owner = await seed.account();
    await owner.client.get(SetBudgetDocument, { input: { ...key, hardLimitMicros: '100000' } });
    await runCast(owner.client, { spell, input: 'x' });
    const { budget } = (await owner.client.get(DeleteBudgetDocument, { input: key })).deleteBudget;
    assert.deepEqual(
      [budget.hardLimitMicros, budget.spentMicros, budget.heldMicros],
      ['100000', '10000', '0'],
    );
    assert.deepEqual((await owner.client.get(BudgetsDocument, {})).viewer.budgets.edges, []);
    assert.equal(
      (await owner.client.refusal(DeleteBudgetDocument, { input: key })).extensions.code,
      'NOT_FOUND',
    );
  });

  it('ok: while its casts run: they end and are charged all the same', async () => {
    const owner = await seed.account();
    await owner.client.get(SetBudgetDocument, { input: { ...key, hardLimitMicros: '1000000' } });
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { cast } = await owner.client.get(CastDocument, { input: { spell, input: 'x' } });
        return cast.cast.id;
      }),
    );
    await owner.client.get(DeleteBudgetDocument, { input: key });
    const ended = await Promise.all(ids.map((id) => waitForEnd(owner.client, id)));
    assert.deepEqual(new Set(ended.map(({ costMicros }) => costMicros)), new Set(['10000']));
    const rows = await app.database.query(
      `SELECT 1 FROM budget_periods p JOIN budgets b ON b.id = p.budget_id
      WHERE b.account_id = $1`,
      [owner.accountId],
    );
    assert.equal(rows.length, 0);
  });

  it('ok: set again, it counts from zero', async () => {
    const owner = await seed.account();
    const input = { ...key, hardLimitMicros: '100000' };
    await owner.client.get(SetBudgetDocument, { input });
    await runCast(owner.client, { spell, input: 'x' });
    await owner.client.get(DeleteBudgetDocument, { input: key });
    const { budget } = (await owner.client.get(SetBudgetDocument, { input })).setBudget;
    assert.equal(budget.spentMicros, '0');
  });

  it('not found: a stranger’s; forbidden; unauthenticated', async () => {
    const owner = await seed.account();
    await owner.client.get(SetBudgetDocument, { input: { ...key, hardLimitMicros: '1' } });
    const stranger = await seed.account();
    const codeOf = async (of: typeof owner.client) =>
      (await of.refusal(DeleteBudgetDocument, { input: key })).extensions.code;
    assert.equal(await codeOf(stranger.client), 'NOT_FOUND');
    assert.equal(await codeOf((await seed.key(owner.accountId, ['cast', 'read'])).client), 'FORBIDDEN');
    assert.equal(await codeOf(client()), 'UNAUTHENTICATED');
  });
});

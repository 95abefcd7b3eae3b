import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CastDocument, SetBudgetDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { runCast, waitForEnd } from '../operations/cast/run-cast.js';
import { holdLock } from './hold-lock.js';

describe('a cast whose settlement meets a lock', async () => {
  const { seed, app } = await startHarness();
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, {
    guest: 'endless',
    pricing: { model: 'metered', price_usd: '0', usd_per_gigafuel: '1' },
    runtime: { max_fuel: 9_000_000_000_000 },
  });
  const short = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
  const budgeted = async () => {
    const owner = await seed.account();
    const input = { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '1000000000000' } as const;
    const { budget } = (await owner.client.get(SetBudgetDocument, { input })).setBudget;
    return { client: owner.client, budgetId: budget.id };
  };

  // The one is longer than a settlement is tried at once, the other shorter than the lease of the cast.
  for (const [what, lockedMs, sql] of [
    ['its budget period', 5_000, `SELECT FROM budget_periods WHERE budget_id = $1 FOR UPDATE`],
    ['its row', 1_500, `SELECT FROM casts WHERE id = $2 AND $1::text IS NOT NULL FOR UPDATE`],
  ] as const) {
    it(`on ${what}: has run once, and is charged what it burned`, { timeout: 30_000 }, async () => {
      const { client, budgetId } = await budgeted();
      const input = { spell, limits: { timeoutMs: 700 } };
      const { id } = (await client.get(CastDocument, { input })).cast.cast;
      const running = `SELECT FROM casts WHERE id = $1 AND status = 'RUNNING'`;
      while ((await app.database.query(running, [id])).length === 0)
        await new Promise((resolve) => setTimeout(resolve, 10));
      const release = await holdLock(app.database, sql, what === 'its row' ? [budgetId, id] : [budgetId]);
      const others = what === 'its row' ? 0 : 5;
      for (let count = 0; count < others; count += 1) {
        const other = await runCast((await budgeted()).client, { spell: short, input: 'x' });
        assert.equal(other.attempts, 1);
      }
      await new Promise((resolve) => setTimeout(resolve, lockedMs));
      await release();
      const cast = await waitForEnd(client, id);
      assert.deepEqual([cast.error?.code, cast.attempts], ['DEADLINE_EXCEEDED', 1]);
      assert.notEqual(cast.costMicros, '0');
      assert.deepEqual(await app.database.query(`SELECT * FROM hold_differences()`), []);
    });
  }
});

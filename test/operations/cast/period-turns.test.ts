import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CastDocument, SetBudgetDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { waitForEnd } from './run-cast.js';

describe('a period that turns over while a cast runs', async () => {
  let now = new Date('2026-11-30T23:59:59.500Z');
  const { seed, app } = await startHarness({ clock: { now: () => now } });
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, {
    guest: 'endless',
    pricing: { model: 'metered', usd_per_gigafuel: '2' },
    runtime: { max_fuel: 9_000_000_000_000 },
  });

  it('the period that accepted it is charged, the new one nothing', { timeout: 30_000 }, async () => {
    const owner = await seed.account();
    for (const period of ['DAILY', 'MONTHLY'] as const)
      await owner.client.get(SetBudgetDocument, {
        input: { scope: 'ACCOUNT', period, hardLimitMicros: '1000000000000' },
      });
    const cast = async (timeoutMs: number) =>
      (await owner.client.get(CastDocument, { input: { spell, limits: { timeoutMs } } })).cast.cast.id;
    const id = await cast(1_000);
    const isRunning = `SELECT FROM casts WHERE id = $1 AND status = 'RUNNING'`;
    while ((await app.database.query(isRunning, [id])).length === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    now = new Date('2026-12-01T00:00:00.500Z');
    // Makes the new periods, and holds in them.
    const later = await cast(3_000);
    const ended = await waitForEnd(owner.client, id);
    assert.notEqual(ended.costMicros ?? '0', '0');
    const periods = () =>
      app.database.query(
        `SELECT b.period, p.period_start::date::text AS start, p.spent_micros AS spent, p.held_micros > 0 AS holds
           FROM budget_periods p JOIN budgets b ON b.id = p.budget_id WHERE b.account_id = $1
          ORDER BY p.period_start, b.period`,
        [owner.accountId],
      );
    const spent = ended.costMicros;
    assert.deepEqual(await periods(), [
      { period: 'MONTHLY', start: '2026-11-01', spent, holds: false },
      { period: 'DAILY', start: '2026-11-30', spent, holds: false },
      { period: 'DAILY', start: '2026-12-01', spent: '0', holds: true },
      { period: 'MONTHLY', start: '2026-12-01', spent: '0', holds: true },
    ]);
    await waitForEnd(owner.client, later);
  });
});

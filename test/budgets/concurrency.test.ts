import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SetBudgetDocument, type SetBudgetInput } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { canceledEnding, openInstance, principalOf } from './instances.js';

const ROUNDS = 20;
const CASTS = 1_000;
const AFFORDABLE = 100;
const PRICE_MICROS = 10_000;

// Two processes' worth of acceptance, each with connections of its own, against the same rows.
describe('a thousand casts at once on a budget that affords a hundred', async () => {
  const harness = await startHarness({ roles: ['api'] });
  const { seed, app } = harness;
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
  const [first, second] = [await openInstance(harness), await openInstance(harness)];

  const hardLimitMicros = String(AFFORDABLE * PRICE_MICROS);
  const scopesOf = (keyPrefix: string): SetBudgetInput[] => [
    { scope: 'ACCOUNT', period: 'MONTHLY', hardLimitMicros },
    { scope: 'API_KEY', subject: keyPrefix, period: 'DAILY', hardLimitMicros },
    {
      scope: 'SPELL',
      subject: spell,
      period: 'DAILY',
      hardLimitMicros: String(2 * AFFORDABLE * PRICE_MICROS),
    },
    { scope: 'END_USER', subject: 'ann', period: 'MONTHLY', hardLimitMicros },
  ];

  for (const [name, scopes] of [
    ['one budget', 1],
    ['four scopes at once', 4],
  ] as const) {
    it(`exactly a hundred are accepted, with ${name}`, { timeout: 120_000 }, async () => {
      const owner = await seed.account();
      const principal = await principalOf(harness, owner.keyPrefix);
      for (let round = 0; round < ROUNDS / 2; round += 1) {
        for (const input of scopesOf(owner.keyPrefix).slice(0, scopes))
          await owner.client.get(SetBudgetDocument, { input });
        const answers = await Promise.allSettled(
          Array.from({ length: CASTS }, (_, index) =>
            (index % 2 === 0 ? first : second).request(principal, { spell, input: 'x', endUser: 'ann' }),
          ),
        );
        const accepted = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
        const codes = answers.flatMap((answer) =>
          answer.status === 'rejected' ? [answer.reason.code ?? String(answer.reason)] : [],
        );
        assert.equal(accepted.length, AFFORDABLE, `round ${round}`);
        assert.deepEqual(new Set(codes), new Set(['BUDGET_EXCEEDED']));
        await assertNoDifference(app.database);
        const periods = await app.database.query(PERIODS, [owner.accountId]);
        assert.equal(periods.length, scopes);
        for (const { held } of periods) assert.equal(held, AFFORDABLE * PRICE_MICROS);

        const endings = accepted.map((cast, place) => canceledEnding(cast.id, place));
        await app.database.query(`SELECT * FROM settle_casts($1, '')`, [JSON.stringify(endings)]);
        const after = await app.database.query(PERIODS, [owner.accountId]);
        for (const { held, spent } of after) assert.deepEqual([held, spent], [0, 0]);
      }
    });
  }
});

const PERIODS = `
  SELECT p.held_micros::int AS held, p.spent_micros::int AS spent FROM budget_periods p
    JOIN budgets b ON b.id = p.budget_id WHERE b.account_id = $1`;

async function assertNoDifference(database: { query(sql: string): Promise<unknown> }): Promise<void> {
  assert.deepEqual(await database.query(`SELECT * FROM hold_differences()`), []);
}

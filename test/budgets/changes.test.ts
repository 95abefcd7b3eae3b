import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ApiClient } from '../support/client.js';
import {
  CastDocument,
  DeleteBudgetDocument,
  SetBudgetDocument,
  type SetBudgetInput,
} from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { holdLock, untilSomebodyWaits } from './hold-lock.js';
import { runCast } from '../operations/cast/run-cast.js';

const ROUNDS = 60;
const KEY = { scope: 'ACCOUNT', period: 'DAILY' } as const;

/** The codes of all errors that the answers carry. */
function codesOf(answers: { errors: { extensions: { code: string } }[] }[]): Set<string> {
  return new Set(answers.flatMap(({ errors }) => errors.map(({ extensions }) => extensions.code)));
}

describe('a budget that changes while casts are accepted and settled', async () => {
  const { seed, app } = await startHarness();
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
  const cast = (by: ApiClient) => by.ask(CastDocument, { input: { spell, input: 'x' } });
  const set = (by: ApiClient, input: SetBudgetInput) => by.ask(SetBudgetDocument, { input });
  const remove = (by: ApiClient) => by.ask(DeleteBudgetDocument, { input: KEY });
  const withHard = (hardLimitMicros: string) => ({ ...KEY, hardLimitMicros });

  const budgetOf = async (by: ApiClient, hardLimitMicros = '1000000000') =>
    (await by.get(SetBudgetDocument, { input: withHard(hardLimitMicros) })).setBudget.budget.id;

  it('deleted beside the first cast of its period: the cast is accepted, and holds on nothing', async () => {
    const { client } = await seed.account();
    const id = await budgetOf(client);
    const commit = await holdLock(app.database, `DELETE FROM budgets WHERE id = $1`, [id]);
    const casting = cast(client);
    await untilSomebodyWaits(app.database);
    await commit();
    assert.deepEqual(codesOf([await casting]), new Set());
    assert.deepEqual(await app.database.query(`SELECT * FROM hold_differences()`), []);
  });

  it('lowered beside the first cast of its period: the cast waits, and meets the new limit', async () => {
    const { client } = await seed.account();
    const id = await budgetOf(client);
    const lower = `UPDATE budgets SET hard_limit_micros = 5000 WHERE id = $1`;
    const commit = await holdLock(app.database, lower, [id]);
    const casting = cast(client);
    await untilSomebodyWaits(app.database);
    await commit();
    assert.deepEqual(codesOf([await casting]), new Set(['BUDGET_EXCEEDED']));
  });

  it('deleted while somebody holds its first period: takes no later one before', async () => {
    const { client } = await seed.account();
    const id = await budgetOf(client);
    // As they lie the later one comes first; settle_casts takes them by id.
    const periods = ['ffffffff-0000-4000-8000-000000000000', '00000000-0000-4000-8000-000000000000'];
    for (const [place, period] of periods.entries())
      await app.database.query(
        `INSERT INTO budget_periods (id, budget_id, period_start, period_end)
         VALUES ($1, $2, now() - $3 * interval '1 day', now())`,
        [period, id, place + 2],
      );
    const settling = app.database.createQueryRunner();
    await settling.startTransaction();
    const lock = `SELECT FROM budget_periods WHERE id = $1 FOR NO KEY UPDATE`;
    await settling.query(lock, [periods[1]]);
    const removing = remove(client);
    await untilSomebodyWaits(app.database);
    await settling.query(lock, [periods[0]]);
    await settling.commitTransaction();
    await settling.release();
    assert.deepEqual(codesOf([await removing]), new Set());
  });

  it(
    'set, deleted and cast on many times at once: no error but the budget’s own',
    { timeout: 60_000 },
    async () => {
      const { client } = await seed.account();
      for (let round = 0; round < ROUNDS; round += 1) {
        const answers = await Promise.all([
          ...[set(client, withHard('1000000000')), cast(client), remove(client)],
          ...[cast(client), set(client, withHard('5000')), cast(client)],
        ]);
        const codes = codesOf(answers);
        for (const code of ['BUDGET_EXCEEDED', 'NOT_FOUND']) codes.delete(code);
        assert.deepEqual(codes, new Set(), `round ${round}`);
      }
      assert.deepEqual(await app.database.query(`SELECT * FROM hold_differences()`), []);
    },
  );

  it(
    'deleted and set beside settlements of many periods: nobody waits in a circle',
    { timeout: 120_000 },
    async () => {
      const { client, accountId } = await seed.account();
      const deadlocks = async () => {
        const [row] = await app.database.query(
          `SELECT deadlocks::int AS count FROM pg_stat_database WHERE datname = current_database()`,
        );
        return row.count;
      };
      for (let round = 0; round < ROUNDS / 4; round += 1) {
        for (const period of ['DAILY', 'MONTHLY'] as const)
          await set(client, { ...KEY, period, hardLimitMicros: '1000000000' });
        const casts = Array.from({ length: 6 }, () => runCast(client, { spell, input: 'x' }));
        const changes = Array.from({ length: 4 }, async (_, time) => {
          await new Promise((resolve) => setTimeout(resolve, 10 * time));
          const answers = [await remove(client), await set(client, withHard('1000000000'))];
          const codes = codesOf(answers);
          codes.delete('NOT_FOUND');
          return [...codes];
        });
        assert.deepEqual((await Promise.all(changes)).flat(), []);
        for (const { status } of await Promise.all(casts)) assert.equal(status, 'SUCCEEDED');
      }
      assert.equal(await deadlocks(), 0);
      assert.deepEqual(await app.database.query(`SELECT * FROM hold_differences()`), []);
      const [{ count }] = await app.database.query(
        `SELECT count(*)::int AS count FROM casts WHERE account_id = $1 AND attempts > 1`,
        [accountId],
      );
      assert.equal(count, 0);
    },
  );
});

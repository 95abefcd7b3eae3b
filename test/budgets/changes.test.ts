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

  it('deleted beside the first casts of its period: each cast is accepted', { timeout: 60_000 }, async () => {
    const { client } = await seed.account();
    for (let round = 0; round < ROUNDS; round += 1) {
      await set(client, withHard('1000000000'));
      const answers = await Promise.all([cast(client), remove(client), cast(client)]);
      assert.deepEqual(codesOf(answers), new Set(), `round ${round}`);
    }
    assert.deepEqual(await app.database.query(`SELECT * FROM hold_differences()`), []);
  });

  it(
    'lowered beside the first cast of its period: accepted or BUDGET_EXCEEDED',
    { timeout: 60_000 },
    async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { client } = await seed.account();
        await set(client, withHard('1000000'));
        const answers = await Promise.all([set(client, withHard('5000')), cast(client), cast(client)]);
        const codes = codesOf(answers);
        codes.delete('BUDGET_EXCEEDED');
        assert.deepEqual(codes, new Set(), `round ${round}`);
      }
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

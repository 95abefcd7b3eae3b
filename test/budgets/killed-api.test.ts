import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { ApiClient } from '../support/client.js';
import { CastDocument, SetBudgetDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { spawnProcess } from '../support/processes.js';

const CASTS = 200;
const AFFORDABLE = 60;
const PRICE_MICROS = 10_000;

describe('an API process that is killed while it accepts', async () => {
  const { seed, app, client, environment } = await startHarness({ roles: ['api'] });
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });

  it(
    'leaves whole casts and whole holds; the same keys elsewhere are the same casts',
    { timeout: 120_000 },
    async () => {
      const owner = await seed.account();
      const hardLimitMicros = String(AFFORDABLE * PRICE_MICROS);
      for (const input of [
        { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros },
        { scope: 'SPELL', subject: spell, period: 'MONTHLY', hardLimitMicros },
      ] as const)
        await owner.client.get(SetBudgetDocument, { input });
      const doomed = await spawnProcess('api', environment);
      const dying = new ApiClient(doomed.url, owner.apiKey);
      const keys = Array.from({ length: CASTS }, () => randomUUID());
      const cast = (by: ApiClient, idempotencyKey: string) =>
        by.ask(CastDocument, { input: { spell, input: 'x', idempotencyKey } });

      const acknowledged = new Map<string, string>();
      let answered = 0;
      const first = keys.map(async (key, index) => {
        // Spread a little, so that the kill falls among batches.
        await new Promise((resolve) => setTimeout(resolve, index));
        const answer = await cast(index % 2 === 0 ? dying : owner.client, key).catch(() => null);
        answered += 1;
        if (answered === CASTS / 10) void doomed.kill();
        if (answer?.data) acknowledged.set(key, answer.data.cast.cast.id);
      });
      await Promise.all(first);
      const again = await Promise.all(
        keys.map(async (key) => [key, await cast(client(owner.apiKey), key)] as const),
      );

      const rows: { id: string; idempotency_key: string }[] = await app.database.query(
        `SELECT id, idempotency_key FROM casts WHERE account_id = $1`,
        [owner.accountId],
      );
      assert.equal(rows.length, AFFORDABLE);
      const byKey = new Map(rows.map((row) => [row.idempotency_key, row.id]));
      assert.equal(byKey.size, AFFORDABLE);
      for (const [key, id] of acknowledged) assert.equal(byKey.get(key), id);
      for (const [key, { data, errors }] of again) {
        if (data) assert.equal(data.cast.cast.id, byKey.get(key));
        else assert.equal(errors[0]?.extensions.code, 'BUDGET_EXCEEDED');
        assert.equal(data !== null, byKey.has(key));
      }
      assert.deepEqual(await app.database.query(`SELECT * FROM hold_differences()`), []);
      const held = await app.database.query(`SELECT held_micros::int AS held FROM budget_periods`);
      assert.deepEqual(held, [{ held: AFFORDABLE * PRICE_MICROS }, { held: AFFORDABLE * PRICE_MICROS }]);
    },
  );
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { CastHousekeeping, CastSweeper } from '../../src/casts/index.js';
import type { SweepDeps } from '../../src/casts/sweep-casts.js';
import { createLogger, createRegistry, systemClock } from '../../src/platform/index.js';
import { CastByIdDocument, CastDocument, SetBudgetDocument } from '../support/gql/graphql.js';
import { waitForEnd } from '../operations/cast/run-cast.js';
import { startHarness } from '../support/harness.js';
import { holdLock } from './hold-lock.js';
import { canceledEnding, openInstance, principalOf } from './instances.js';

// Without a worker what is accepted stays queued, and holds.
describe('what the database refuses, whoever asks', async () => {
  const harness = await startHarness({ roles: ['api'] });
  const { seed, app, client } = harness;
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
  const budgeted = async (hardLimitMicros = '100000') => {
    const owner = await seed.account();
    const input = { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros } as const;
    const { budget } = (await owner.client.get(SetBudgetDocument, { input })).setBudget;
    return { owner, budgetId: budget.id };
  };
  const castOf = async (owner: { client: typeof maker.client }, idempotencyKey?: string) =>
    (await owner.client.get(CastDocument, { input: { spell, input: 'x', idempotencyKey } })).cast.cast.id;
  const query = (sql: string, parameters: unknown[] = []) => app.database.query(sql, parameters);

  it('a cast that ends outside of settle_casts, and one that is deleted, changed or ends above its hold', async () => {
    const { owner } = await budgeted();
    const id = await castOf(owner);
    const end = `UPDATE casts SET status = 'CANCELED', finished_at = now(), final_sequence = 2, cost_micros = 0, held_micros = 0 WHERE id = $1`;
    await assert.rejects(query(end, [id]), /may end in settle_casts only/);
    await assert.rejects(query(`DELETE FROM casts WHERE id = $1`, [id]), /its hold stands/);
    await assert.rejects(query(`UPDATE casts SET held_micros = 0 WHERE id = $1`, [id]), /its hold stands/);
    await assert.rejects(
      query(`UPDATE casts SET budget_period_ids = '{}' WHERE id = $1`, [id]),
      /its hold stands/,
    );
    const dear = [{ ...canceledEnding(id), cost_micros: '10001' }];
    await assert.rejects(
      query(`SELECT * FROM settle_casts($1, '')`, [JSON.stringify(dear)]),
      /would cost 10001 but holds 10000/,
    );
    const unproven = [{ ...canceledEnding(id), run_terms: null }];
    await assert.rejects(
      query(`SELECT * FROM settle_casts($1, '')`, [JSON.stringify(unproven)]),
      /must end with the terms of its run/,
    );
    assert.equal((await owner.client.get(CastByIdDocument, { id })).cast?.status, 'QUEUED');
  });

  it('a period above its limit, or below nothing', async () => {
    const { owner, budgetId } = await budgeted('10000');
    await castOf(owner);
    const change = (set: string) =>
      query(`UPDATE budget_periods SET ${set} WHERE budget_id = $1`, [budgetId]);
    await assert.rejects(change('held_micros = held_micros + 1'), /would pass its limit/);
    await assert.rejects(change('spent_micros = spent_micros + 1'), /would pass its limit/);
    await assert.rejects(change('held_micros = held_micros - 10001'), /check/);
  });

  it('a final cast that changes, but for its idempotency key being forgotten', async () => {
    const { owner } = await budgeted();
    const key = randomUUID();
    const id = await castOf(owner, key);
    await query(`SELECT * FROM settle_casts($1, '')`, [JSON.stringify([canceledEnding(id)])]);
    await assert.rejects(query(`UPDATE casts SET end_user = 'x' WHERE id = $1`, [id]), /is final/);
    await assert.rejects(query(`UPDATE casts SET idempotency_key = 'x' WHERE id = $1`, [id]), /is final/);
    await query(`UPDATE casts SET idempotency_key = NULL WHERE id = $1`, [id]);
    assert.notEqual(await castOf(owner, key), id);
  });

  it('settling twice, late or with another token changes nothing', async () => {
    const { owner } = await budgeted();
    const [first, second] = [await castOf(owner), await castOf(owner)];
    const batch = [
      { ...canceledEnding(first), place: 0 },
      { ...canceledEnding(first), place: 1 },
      { ...canceledEnding(second), place: 2, attempt: 1 },
      { ...canceledEnding(randomUUID()), place: 3 },
    ];
    const settle = () => query(`SELECT place FROM settle_casts($1, '')`, [JSON.stringify(batch)]);
    assert.deepEqual(await settle(), [{ place: 0 }]);
    assert.deepEqual(await settle(), []);
    assert.deepEqual(await query(`SELECT * FROM hold_differences()`), []);
  });

  it('one bad request in a batch fails alone', async () => {
    const { owner } = await budgeted();
    const instance = await openInstance(harness);
    const principal = await principalOf(harness, owner.keyPrefix);
    const nobody = { ...principal, keyId: randomUUID() };
    const answers = await Promise.allSettled(
      [principal, nobody, principal].map((by) => instance.request(by, { spell, input: 'x' })),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(await query(`SELECT * FROM hold_differences()`), []);
  });

  it(
    'keys in any order from two sides never wait in a circle, and are one cast each',
    { timeout: 60_000 },
    async () => {
      const { owner } = await budgeted('10000000');
      const principal = await principalOf(harness, owner.keyPrefix);
      const free = await principalOf(harness, (await seed.account()).keyPrefix);
      const instances = [await openInstance(harness), await openInstance(harness)];
      for (const by of [principal, free]) {
        const keys = Array.from({ length: 100 }, () => randomUUID());
        const orders = [keys, keys.toReversed()];
        const casts = await Promise.all(
          instances.flatMap((instance, side) =>
            (orders[side] ?? []).map((idempotencyKey) =>
              instance.request(by, { spell, input: 'x', idempotencyKey }),
            ),
          ),
        );
        assert.equal(new Set(casts.map(({ id }) => id)).size, keys.length);
      }
      assert.deepEqual(await query(`SELECT * FROM hold_differences()`), []);
    },
  );

  it('the same key in one batch is one cast, also when the budget has room for one only', async () => {
    const { owner } = await budgeted('10000');
    const instance = await openInstance(harness);
    const principal = await principalOf(harness, owner.keyPrefix);
    const idempotencyKey = randomUUID();
    const many = Array.from({ length: 50 }, () =>
      instance.request(principal, { spell, input: 'x', idempotencyKey }),
    );
    assert.equal(new Set((await Promise.all(many)).map(({ id }) => id)).size, 1);
    const other = instance.request(principal, { spell, input: 'y', idempotencyKey });
    await assert.rejects(other, { code: 'IDEMPOTENCY_MISMATCH' });
    await assert.rejects(instance.request(principal, { spell, input: 'x' }), { code: 'BUDGET_EXCEEDED' });
  });

  it(
    'who was refused beside a request that another process made first is to ask again',
    { timeout: 60_000 },
    async () => {
      const { owner } = await budgeted('20000');
      const known = await castOf(owner);
      const idempotencyKey = randomUUID();
      const elsewhere = app.database.createQueryRunner();
      await elsewhere.startTransaction();
      try {
        // Its key is taken, but not committed yet; it holds on nothing.
        await elsewhere.query(
          `INSERT INTO casts (id, account_id, api_key_id, spell_version_id, status, idempotency_key, request_digest, input,
                            timeout_ms, max_memory_bytes, max_output_bytes, max_fuel, held_micros, queued_at)
         SELECT $2, account_id, api_key_id, spell_version_id, status, $3, request_digest, input,
                timeout_ms, max_memory_bytes, max_output_bytes, max_fuel, 0, queued_at FROM casts WHERE id = $1`,
          [known, randomUUID(), idempotencyKey],
        );
        const [row] = await query(`SELECT to_jsonb(c) - 'input' AS cast FROM casts c WHERE id = $1`, [known]);
        const batch = [idempotencyKey, null].map((key, place) => ({
          ...row.cast,
          place,
          id: randomUUID(),
          idempotency_key: key,
          input_at: 0,
          input_bytes: 0,
        }));
        const both = query(`SELECT place, outcome FROM accept_casts($1, '') ORDER BY place`, [
          JSON.stringify(batch),
        ]);
        const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        while ((await query(waiting)).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
        await elsewhere.commitTransaction();
        assert.deepEqual(await both, [
          { place: 0, outcome: 'EARLIER' },
          { place: 1, outcome: 'AGAIN' },
        ]);
      } finally {
        await elsewhere.release();
      }
      await castOf(owner);
      assert.deepEqual(await query(`SELECT * FROM hold_differences()`), []);
    },
  );

  it('a refusal is not remembered: the key works once there is room', async () => {
    const { owner } = await budgeted('0');
    const input = { spell, input: 'x', idempotencyKey: randomUUID() };
    assert.equal((await owner.client.refusal(CastDocument, { input })).extensions.code, 'BUDGET_EXCEEDED');
    await owner.client.get(SetBudgetDocument, {
      input: { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '10000' },
    });
    const { cast } = await owner.client.get(CastDocument, { input });
    assert.equal((await owner.client.get(CastDocument, { input })).cast.cast.id, cast.cast.id);
  });

  it('housekeeping returns a hold that no cast stands for, and the metric shows it until then', async () => {
    const { owner, budgetId } = await budgeted();
    await castOf(owner);
    const readMetric = async () => {
      const text = await (await client().fetch('/metrics')).text();
      return /^spell_hold_difference_micros\S* (\S+)$/m.exec(text)?.[1];
    };
    assert.equal(await readMetric(), '0');
    await query(`UPDATE budget_periods SET held_micros = held_micros + 777 WHERE budget_id = $1`, [budgetId]);
    assert.equal(await readMetric(), '777');
    const logger = createLogger({ level: 'silent', name: 'test' });
    const registry = createRegistry('housekeeping');
    const deps = { database: app.database, clock: systemClock, logger, registry, idempotencyDays: 30 };
    await new CastHousekeeping(deps).keep();
    assert.equal(await readMetric(), '0');
    assert.match(await registry.metrics(), /spell_holds_repaired_total\{[^}]*\} 1/);
    const [{ held }] = await query(
      `SELECT held_micros::int AS held FROM budget_periods WHERE budget_id = $1`,
      [budgetId],
    );
    assert.equal(held, 10_000);
  });

  it('holds are repaired period by period: below a lowered limit too, and beside a locked one', async () => {
    const made = await Promise.all([budgeted(), budgeted(), budgeted()]);
    for (const { owner, budgetId } of made) {
      await castOf(owner);
      await query(`UPDATE budget_periods SET held_micros = held_micros - 1 WHERE budget_id = $1`, [budgetId]);
    }
    const [lowered, locked, plain] = made.map(({ budgetId }) => budgetId);
    await query(`UPDATE budgets SET hard_limit_micros = 5 WHERE id = $1`, [lowered]);
    const release = await holdLock(
      app.database,
      `SELECT FROM budget_periods WHERE budget_id = $1 FOR UPDATE`,
      [locked],
    );
    const repair = async () => {
      const rows: { id: string }[] = await query(
        `SELECT p.budget_id AS id FROM repair_holds() AS r JOIN budget_periods p ON p.id = r.period_id`,
      );
      return new Set(rows.map(({ id }) => id));
    };
    assert.deepEqual(await repair(), new Set([lowered, plain]));
    await release();
    assert.deepEqual(await repair(), new Set([locked]));
    assert.deepEqual(await query(`SELECT * FROM hold_differences()`), []);
    const change = `UPDATE budget_periods SET held_micros = held_micros + 1 WHERE budget_id = $1`;
    await assert.rejects(query(change, [lowered]), /would pass its limit/);
  });

  it('a cast that cannot be ended keeps no other from its next attempt', async () => {
    const { owner } = await budgeted();
    const [stuck, again] = [await castOf(owner), await castOf(owner)];
    for (const [id, attempts] of [
      [stuck, 9],
      [again, 1],
    ] as const)
      await query(
        `UPDATE casts SET status = 'RUNNING', attempts = $2, started_at = now(),
                lease_until = now() - interval '1 second' WHERE id = $1`,
        [id, attempts],
      );
    const added: string[] = [];
    const sweeper = new CastSweeper({
      database: app.database,
      // What a lost connection looks like to the one that is to be ended.
      versions: { byId: () => Promise.reject(new Error('no version')) } as never,
      queue: { addAll: (ids: string[]) => Promise.resolve(void added.push(...ids)) } as never,
      logger: createLogger({ level: 'silent', name: 'test' }),
      clock: systemClock,
      attemptsMax: 9,
      ...({} as Pick<SweepDeps, 'streams' | 'settlements' | 'metrics'>),
    });
    await sweeper.sweep();
    assert.ok(added.includes(again));
    assert.ok(!added.includes(stuck));
    assert.equal((await waitForEnd(owner.client, stuck)).error?.code, 'WORKER_LOST');
  });

  it('a cast whose workers are lost, and one that was to be canceled, cost nothing and hold nothing', async () => {
    const { owner, budgetId } = await budgeted();
    const [lost, left] = [await castOf(owner), await castOf(owner)];
    const abandon = `UPDATE casts SET status = 'RUNNING', attempts = 3, started_at = now(),
      lease_until = now() - interval '1 second', cancel_requested_at = $2 WHERE id = $1`;
    await query(abandon, [lost, null]);
    await query(abandon, [left, new Date()]);
    const ended = await Promise.all([lost, left].map((id) => waitForEnd(owner.client, id)));
    assert.deepEqual(
      ended.map(({ status, error, costMicros }) => [status, error?.code ?? null, costMicros]),
      [
        ['FAILED', 'WORKER_LOST', '0'],
        ['CANCELED', null, '0'],
      ],
    );
    const [period] = await query(
      `SELECT held_micros::int AS held, spent_micros::int AS spent FROM budget_periods
      WHERE budget_id = $1`,
      [budgetId],
    );
    assert.deepEqual(period, { held: 0, spent: 0 });
  });

  it('idempotency keys are forgotten after their time, those of open casts are not', async () => {
    const owner = await seed.account();
    const [ended, open] = [randomUUID(), randomUUID()];
    const [endedId, openId] = [await castOf(owner, ended), await castOf(owner, open)];
    const logger = createLogger({ level: 'silent', name: 'test' });
    await query(`SELECT * FROM settle_casts($1, '')`, [JSON.stringify([canceledEnding(endedId)])]);
    const keepAt = async (days: number) => {
      const now = new Date(Date.now() + days * 86_400_000);
      const registry = createRegistry(`housekeeping ${days}`);
      const clock = { now: () => now };
      await new CastHousekeeping({
        database: app.database,
        clock,
        logger,
        registry,
        idempotencyDays: 30,
      }).keep();
    };
    await keepAt(29);
    assert.equal(await castOf(owner, ended), endedId);
    await keepAt(31);
    assert.notEqual(await castOf(owner, ended), endedId);
    assert.equal(await castOf(owner, open), openId);
    assert.equal((await owner.client.get(CastByIdDocument, { id: endedId })).cast?.status, 'CANCELED');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SetBudgetDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import type { SeededAccount } from '../support/seed.js';

interface BudgetJson {
  id: string;
  scope: string;
  subject: string | null;
  hard_limit_cents: number | null;
  soft_limit_cents: number | null;
  hard_limit_micros: string | null;
  notify_thresholds: number[];
  spent_cents: number;
  held_cents: number;
}

describe('/v1/budgets', async () => {
  const { seed, client } = await startHarness({ roles: ['api'] });
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.0123' } });

  const send = async (owner: SeededAccount, method: string, body: object) => {
    const response = await owner.client.fetch('/v1/budgets', { method, body: JSON.stringify(body) });
    return {
      status: response.status,
      json: (await response.json()) as { budget: BudgetJson; code?: string; problems?: { path: string }[] },
    };
  };

  it('ok: POST makes it, PUT changes it, GET shows it, DELETE ends it', async () => {
    const owner = await seed.account();
    const made = await send(owner, 'POST', { period: 'DAILY', hard_limit_cents: 5, notify_thresholds: [50] });
    assert.equal(made.status, 201);
    assert.deepEqual([made.json.budget.scope, made.json.budget.subject], ['ACCOUNT', null]);
    assert.equal(made.json.budget.hard_limit_micros, '50000');
    const put = await send(owner, 'PUT', { period: 'DAILY', soft_limit_cents: 3, hard_limit_cents: 4 });
    assert.equal(put.status, 200);
    assert.equal(put.json.budget.id, made.json.budget.id);
    assert.deepEqual([put.json.budget.soft_limit_cents, put.json.budget.notify_thresholds], [3, []]);
    for (let time = 0; time < 3; time += 1) {
      const body = JSON.stringify({ spell_name: spell, payload: 'x' });
      const cast = await owner.client.fetch('/v1/cast', {
        method: 'POST',
        headers: { prefer: 'respond-async' },
        body,
      });
      assert.equal(cast.status, 202);
    }
    const listed = (await (await owner.client.fetch('/v1/budgets')).json()) as {
      budgets: BudgetJson[];
      next: null;
    };
    assert.equal(listed.next, null);
    // 3 times 1.23 cents are 3.69.
    assert.deepEqual(
      listed.budgets.map(({ held_cents, spent_cents }) => [held_cents, spent_cents]),
      [[4, 0]],
    );
    const gone = await owner.client.fetch('/v1/budgets?period=DAILY', { method: 'DELETE' });
    assert.equal(gone.status, 200);
    assert.equal((await owner.client.fetch('/v1/budgets?period=DAILY', { method: 'DELETE' })).status, 404);
  });

  it('ok: other scopes with their subject; micros of GraphQL are shown in cents rounded up', async () => {
    const owner = await seed.account();
    const { json } = await send(owner, 'POST', {
      scope: 'SPELL',
      subject: spell,
      period: 'MONTHLY',
      soft_limit_cents: 0,
    });
    assert.deepEqual(
      [json.budget.scope, json.budget.subject, json.budget.hard_limit_cents],
      ['SPELL', spell, null],
    );
    const input = { scope: 'END_USER', subject: 'ann', period: 'DAILY', hardLimitMicros: '10001' } as const;
    await owner.client.get(SetBudgetDocument, { input });
    const listed = (await (await owner.client.fetch('/v1/budgets?first=1')).json()) as {
      budgets: BudgetJson[];
      next: string;
    };
    assert.deepEqual(
      listed.budgets.map(({ hard_limit_cents: cents }) => cents),
      [2],
    );
    assert.equal(typeof listed.next, 'string');
  });

  it('bad input: in the names of this edge', async () => {
    const owner = await seed.account();
    for (const [body, path] of [
      [{ period: 'DAILY' }, 'hard_limit_cents'],
      [{ period: 'YEARLY', hard_limit_cents: 1 }, 'body/period'],
      [{ period: 'DAILY', hard_limit_cents: 1.5 }, 'body/hard_limit_cents'],
      [{ period: 'DAILY', hard_limit_cents: -1 }, 'body/hard_limit_cents'],
      [{ period: 'DAILY', hard_limit_cents: 1e17 }, 'body/hard_limit_cents'],
      [{ period: 'DAILY', hard_limit_cents: 1, soft_limit_cents: 2 }, 'soft_limit_cents'],
      [{ scope: 'END_USER', period: 'DAILY', hard_limit_cents: 1 }, 'subject'],
    ] as const) {
      const { status, json } = await send(owner, 'POST', body);
      assert.equal(status, 400, JSON.stringify(body));
      assert.ok(
        json.problems?.some((problem) => problem.path === path),
        JSON.stringify(json),
      );
    }
  });

  it('bad input: an amount is what JSON says it is, and is not rounded', async () => {
    const owner = await seed.account();
    const post = (path: string, body: string) => owner.client.fetch(path, { method: 'POST', body });
    const amounts = ['""', 'true', '"5"', '"1e3"', '[5]', '1.5', '9.9999999999999999999', '1e1'];
    for (const amount of amounts) {
      const body = `{"period": "DAILY", "soft_limit_cents": 1, "hard_limit_cents": ${amount}}`;
      assert.equal((await post('/v1/budgets', body)).status, 400, amount);
    }
    const wrong = [
      '1e300',
      '9999.999999999999999999',
      '9007199254740993',
      '1e5',
      '""',
      '"1e5"',
      '-1',
      'true',
      'null',
    ];
    const right = ['9007199254740991', '"9223372036854775807"', '20000'];
    const statusOf = async (members: string) => {
      const payload = `"payload": "x", "end_user": "ann"`;
      const response = await post('/v1/cast', `{"spell_name": "${spell}", ${payload}, ${members}}`);
      return response.status;
    };
    for (const amount of wrong) {
      assert.equal(await statusOf(`"max_cost_micros": ${amount}`), 400, amount);
      assert.equal(await statusOf(`"limits": {"max_fuel": ${amount}}`), 400, amount);
    }
    const budget = { scope: 'END_USER', subject: 'ann', period: 'DAILY', hard_limit_cents: 0 };
    assert.equal((await send(owner, 'POST', budget)).status, 201);
    for (const amount of right) assert.equal(await statusOf(`"max_cost_micros": ${amount}`), 402, amount);
  });

  it('ok: numbers in a payload are the spell’s own, however they are written', async () => {
    const owner = await seed.account();
    const json = await seed.spell(maker, { input: 'json' });
    const response = await owner.client.fetch('/v1/cast', {
      method: 'POST',
      headers: { prefer: 'respond-async' },
      body: `{"spell_name": "${json}", "payload": {"max_cost_micros": 1e300, "max_fuel": 0.5}, "max_cost_micros": 5}`,
    });
    assert.equal(response.status, 202);
  });

  it('bad input: a leap second, in usage', async () => {
    const owner = await seed.account();
    const response = await owner.client.fetch('/v1/budgets/usage?from=2016-12-31T23:59:60Z');
    assert.equal(response.status, 400);
  });

  it('403 for a key that may only cast, 401 for nobody', async () => {
    const caster = await seed.account(['cast']);
    assert.equal((await send(caster, 'POST', { period: 'DAILY', hard_limit_cents: 1 })).status, 403);
    assert.equal((await client().fetch('/v1/budgets')).status, 401);
  });

  it('Idempotency-Key as a header and in the body must be the same', async () => {
    const owner = await seed.account();
    const cast = (header: string | null, key?: string) =>
      owner.client.fetch('/v1/cast', {
        method: 'POST',
        headers: { prefer: 'respond-async', ...(header === null ? {} : { 'idempotency-key': header }) },
        body: JSON.stringify({ spell_name: spell, payload: 'x', idempotency_key: key }),
      });
    const idOf = async (response: Response) => ((await response.json()) as { id: string }).id;
    const first = await idOf(await cast('one'));
    assert.equal(await idOf(await cast(null, 'one')), first);
    assert.equal(await idOf(await cast('one', 'one')), first);
    assert.equal((await cast('one', 'two')).status, 400);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { queryRows } from '../../../src/platform/index.js';
import { CastDocument, SetBudgetDocument, type CastInput } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import type { SeededAccount } from '../../support/seed.js';
import { waitUntil } from '../../support/wait.js';
import { waitForEnd } from './run-cast.js';

interface Row {
  status: string;
  attempts: number;
  worker_id: string | null;
  is_leased: boolean | null;
  waits_in_outbox: boolean;
}

describe('cast: in the hands of the process that accepted it', async () => {
  const { app, seed, client } = await startHarness();
  const maker = await seed.account(['publish']);
  const sleeper = await seed.spell(maker, {
    guest: 'sleeper',
    input: 'text',
    output: 'text',
    pricing: { model: 'flat', price_usd: '0.01' },
  });
  const cast = async (owner: SeededAccount, input: Partial<CastInput> = {}) =>
    (await owner.client.get(CastDocument, { input: { spell: sleeper, input: 'x', ...input } })).cast.cast;
  const rowOf = async (id: string) => {
    const [row] = await queryRows<Row>(
      app.database,
      `SELECT status, attempts, worker_id, lease_until > now() AS is_leased,
              EXISTS (SELECT FROM outbox WHERE payload ->> 'castId' = casts.id::text) AS waits_in_outbox
         FROM casts WHERE id = $1`,
      [id],
    );
    return row;
  };
  /** Also when it has ended: who is in hand has begun when it was accepted, and a claim comes later. */
  const wasInHand = async (id: string) => {
    const [row] = await queryRows<{ was_in_hand: boolean | null }>(
      app.database,
      'SELECT started_at = queued_at AS was_in_hand FROM casts WHERE id = $1',
      [id],
    );
    return row?.was_in_hand === true;
  };
  /** Places are kept for the queue until half a second after the last of those that had waited in it. */
  const untilInHand = (owner: SeededAccount) =>
    waitUntil('a place for a cast', 5_000, async () =>
      wasInHand((await cast(owner, { limits: { timeoutMs: 100 } })).id),
    );

  it('RUNNING under a lease from its first moment, past outbox and queue; the mutation answers QUEUED', async () => {
    const owner = await seed.account();
    const accepted = await cast(owner, { limits: { timeoutMs: 1_000 } });
    const { worker_id: workerId, ...row } = (await rowOf(accepted.id)) ?? {};
    assert.equal(accepted.status, 'QUEUED');
    assert.deepEqual(row, { status: 'RUNNING', attempts: 1, is_leased: true, waits_in_outbox: false });
    assert.match(workerId ?? '', new RegExp(`/${process.pid}/`));
    const ended = await waitForEnd(owner.client, accepted.id);
    assert.equal(ended.attempts, 1);
  });

  it('what there is no place for goes through the queue; all of them end in their first attempt', async () => {
    const owner = await seed.account();
    const casts = await Promise.all(
      Array.from({ length: 24 }, () => cast(owner, { limits: { timeoutMs: 200 } })),
    );
    const rows = await Promise.all(casts.map(({ id }) => rowOf(id)));
    const statuses = new Set(rows.map((row) => row?.status));
    assert.ok(statuses.has('RUNNING') && statuses.has('QUEUED'), [...statuses].join());
    const ended = await Promise.all(casts.map(({ id }) => waitForEnd(owner.client, id)));
    assert.deepEqual(
      ended.map(({ error, attempts }) => [error?.code, attempts]),
      ended.map(() => ['DEADLINE_EXCEEDED', 1]),
    );
  });

  it('a cast that is refused, or was requested before, gives its place back', async () => {
    const owner = await seed.account();
    const poor = await seed.account();
    const budget = { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '9999' } as const;
    await poor.client.get(SetBudgetDocument, { input: budget });
    const again = { idempotencyKey: 'again', limits: { timeoutMs: 100 } };
    const first = await cast(owner, again);
    for (let round = 0; round < 10; round += 1) {
      const refused = poor.client.ask(CastDocument, { input: { spell: sleeper, input: 'x' } });
      assert.equal((await refused).errors[0]?.extensions.code, 'BUDGET_EXCEEDED');
      assert.equal((await cast(owner, again)).id, first.id);
    }
    await waitForEnd(owner.client, first.id);
    await untilInHand(owner);
  });

  it('thirty at once on a budget for five: five are accepted, and the places of the others are free again', async () => {
    const owner = await seed.account();
    const budget = { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '50000' } as const;
    await owner.client.get(SetBudgetDocument, { input: budget });
    const input = { spell: sleeper, input: 'x', limits: { timeoutMs: 100 } };
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => owner.client.ask(CastDocument, { input })),
    );
    const ids = answers.flatMap(({ data }) => (data === null ? [] : [data.cast.cast.id]));
    const codes = answers.flatMap(({ errors }) => errors.map(({ extensions }) => extensions.code));
    assert.equal(ids.length, 5);
    assert.deepEqual(
      codes,
      Array.from({ length: 25 }, () => 'BUDGET_EXCEEDED'),
    );
    await Promise.all(ids.map((id) => waitForEnd(owner.client, id)));
    await untilInHand(await seed.account());
  });

  it('fifty at once under one key are one cast, which runs once', async () => {
    const owner = await seed.account();
    const again = { idempotencyKey: 'fifty', limits: { timeoutMs: 100 } };
    const casts = await Promise.all(Array.from({ length: 50 }, () => cast(owner, again)));
    const [id = '', ...others] = new Set(casts.map((accepted) => accepted.id));
    assert.deepEqual(others, []);
    assert.equal((await waitForEnd(owner.client, id)).attempts, 1);
  });

  it('a process of the version before accepts as it did: two arguments, into the queue', async () => {
    const owner = await seed.account();
    const { id } = await cast(owner, { limits: { timeoutMs: 100 } });
    await waitForEnd(owner.client, id);
    const [answer] = await queryRows<{ outcome: string; outbox_id: string | null }>(
      app.database,
      `SELECT a.outcome, a.outbox_id FROM casts c, accept_casts(jsonb_build_array(to_jsonb(c) || jsonb_build_object(
         'id', gen_random_uuid(), 'place', 0, 'spell_key', $2::text, 'input_at', 0, 'input_bytes', 1, 'held_micros', 0,
         'idempotency_key', null)), 'x') AS a WHERE c.id = $1`,
      [id, sleeper],
    );
    assert.equal(answer?.outcome, 'ACCEPTED');
    assert.notEqual(answer.outbox_id, null);
  });

  it('a process that only accepts leaves it to the queue', async () => {
    const apiOnly = await startHarness({ roles: ['api'] });
    const owner = await apiOnly.seed.account();
    const spell = await apiOnly.seed.spell(owner, { guest: 'echo', input: 'text', output: 'text' });
    const { cast: accepted } = (await owner.client.get(CastDocument, { input: { spell, input: 'x' } })).cast;
    const [row] = await queryRows<Row>(
      apiOnly.app.database,
      'SELECT status, attempts, worker_id FROM casts WHERE id = $1',
      [accepted.id],
    );
    assert.deepEqual(row, { status: 'QUEUED', attempts: 0, worker_id: null });
  });

  it('who watches at once gets every event, and so does who watches the same cast beside them', async () => {
    const owner = await seed.account();
    const spell = await seed.spell(maker, { guest: 'echo', input: 'text', output: 'text' });
    for (let round = 0; round < 20; round += 1) {
      const { id } = await cast(owner, { spell, input: `round ${round}` });
      const watched = await Promise.all([
        owner.client.watch(id),
        owner.client.watch(id, '0-1'),
        client(owner.apiKey).watch(id),
      ]);
      const names = ['CastQueued', 'CastStarted', 'CastOutput', 'CastFinished'];
      assert.deepEqual(
        watched.map((events) => events.map((event) => event.__typename)),
        [names, names.slice(1), names],
      );
      const ends = watched.map((events) => events.at(-1));
      assert.deepEqual(ends[1], ends[0], 'the end that was told is the end that stands in the row');
      assert.deepEqual(ends[2], ends[0]);
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageDocument, type UsageDimension, type UsageQuery } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import type { SeededAccount } from '../../support/seed.js';
import { runCast } from '../cast/run-cast.js';

type Row = UsageQuery['viewer']['usage']['edges'][number]['node'];

describe('usage', async () => {
  let now = new Date('2026-11-20T22:00:00.000Z');
  const { seed, client, app } = await startHarness({ clock: { now: () => now } });
  const maker = await seed.account(['publish']);
  const owner = await seed.account();
  const second = await seed.key(owner.accountId, ['cast']);
  const metered = await seed.spell(maker, {
    pricing: { model: 'metered', price_usd: '0.001', usd_per_gigafuel: '2' },
  });
  const flat = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.0123' } });
  const trap = await seed.spell(maker, { guest: 'trap', pricing: { model: 'flat', price_usd: '0.5' } });
  const span = { from: '2026-11-01T00:00:00Z', to: '2026-12-01T00:00:00Z' };
  for (const day of ['2026-11-20T22:00:00Z', '2026-11-21T01:00:00Z', '2026-11-22T12:00:00Z']) {
    now = new Date(day);
    for (const by of [owner, second])
      await Promise.all(
        [metered, flat, trap].flatMap((spell) =>
          [null, 'ann', 'bob'].map((endUser) => runCast(by.client, { spell, input: day, endUser })),
        ),
      );
  }

  const ask = async (by: UsageDimension[] | null, first: number, more: object = {}): Promise<Row[]> => {
    const rows: Row[] = [];
    let after: string | null = null;
    do {
      const { viewer }: UsageQuery = await owner.client.get(UsageDocument, {
        ...span,
        ...more,
        by,
        first,
        after,
      });
      rows.push(...viewer.usage.edges.map(({ node }) => node));
      assert.ok(viewer.usage.edges.length <= first);
      after = viewer.usage.pageInfo.hasNextPage ? (viewer.usage.pageInfo.endCursor ?? null) : null;
    } while (after !== null);
    return rows;
  };
  const sum = (rows: Row[], field: 'calls' | 'fuel' | 'micros') =>
    rows.reduce((total, row) => total + BigInt(row[field]), 0n);

  /** The same, added up here from the rows of the casts. */
  const recompute = async (by: UsageDimension[]): Promise<Map<string, Row>> => {
    const casts: CastRow[] = await app.database.query(
      `SELECT c.queued_at, s.key AS spell, k.prefix, c.end_user, c.fuel_used, c.cost_micros FROM casts c
         JOIN spell_versions v ON v.id = c.spell_version_id JOIN spells s ON s.id = v.spell_id
         JOIN api_keys k ON k.id = c.api_key_id WHERE c.account_id = $1`,
      [owner.accountId],
    );
    const sums = new Map<string, Row>();
    for (const cast of casts) {
      const row: Row = {
        day: by.includes('DAY') ? cast.queued_at.toISOString().slice(0, 10) : null,
        spell: by.includes('SPELL') ? cast.spell : null,
        keyPrefix: by.includes('API_KEY') ? cast.prefix : null,
        endUser: by.includes('END_USER') ? cast.end_user : null,
        calls: '0',
        fuel: '0',
        micros: '0',
      };
      const place = placeOf(row);
      const known = sums.get(place) ?? row;
      known.calls = String(BigInt(known.calls) + 1n);
      known.fuel = String(BigInt(known.fuel) + BigInt(cast.fuel_used ?? 0));
      known.micros = String(BigInt(known.micros) + BigInt(cast.cost_micros));
      sums.set(place, known);
    }
    return sums;
  };

  it('ok: by anything, in pages of any size, equal to the casts to the micro', async () => {
    const all: UsageDimension[] = ['DAY', 'SPELL', 'API_KEY', 'END_USER'];
    for (let mask = 0; mask < 2 ** all.length; mask += 1) {
      const by = all.filter((_, index) => (mask >> index) % 2 === 1);
      const rows = await ask(by, [1, 4, 100][mask % 3] ?? 1);
      const expected = await recompute(by);
      assert.equal(rows.length, expected.size, by.join());
      for (const row of rows) assert.deepEqual(row, expected.get(placeOf(row)), by.join());
    }
    assert.equal(sum(await ask([], 1), 'calls'), 54n);
  });

  it('ok: by day if not said otherwise, newest first; from and to bound it', async () => {
    const rows = await ask(null, 2);
    assert.deepEqual(
      rows.map(({ day }) => day),
      ['2026-11-22', '2026-11-21', '2026-11-20'],
    );
    const middle = await ask(null, 10, { from: '2026-11-21T00:00:00Z', to: '2026-11-22T00:00:00Z' });
    assert.deepEqual(
      middle.map(({ day, calls }) => [day, calls]),
      [['2026-11-21', '18']],
    );
  });

  it('ok: the totals by REST, whole cents rounded up', async () => {
    const response = await owner.client.fetch(`/v1/budgets/usage?from=${span.from}&to=${span.to}`);
    assert.equal(response.status, 200);
    const total = (await response.json()) as {
      total_calls: number;
      total_cost_cents: number;
      total_cost_micros: string;
    };
    const micros = sum(await ask([], 1), 'micros');
    assert.equal(total.total_calls, 54);
    assert.equal(total.total_cost_micros, micros.toString());
    assert.equal(BigInt(total.total_cost_cents), (micros + 9_999n) / 10_000n);
    const nothing = await (await (await seed.account()).client.fetch('/v1/budgets/usage')).json();
    assert.deepEqual(nothing, {
      total_calls: 0,
      total_cost_cents: 0,
      total_cost_micros: '0',
      total_fuel: '0',
    });
  });

  it('ok: a cursor goes on in its own list, also when its end was "now"; and in no other', async () => {
    const page = (variables: object) => owner.client.get(UsageDocument, { first: 1, ...variables });
    const before = now;
    now = new Date(now.getTime() + 1_000);
    const first = (await page({ from: span.from })).viewer.usage;
    const after = first.pageInfo.endCursor;
    now = new Date(now.getTime() + 86_400_000);
    await runCast(owner.client, { spell: flat, input: 'later' });
    const rest = (await page({ after, first: 10 })).viewer.usage.edges.map(({ node }) => node.day);
    assert.deepEqual(rest, ['2026-11-21', '2026-11-20']);
    const others: object[] = [{ by: ['SPELL'] }, { from: '2026-11-02T00:00:00Z' }, { to: span.to }];
    for (const other of others)
      assert.equal(
        (await owner.client.refusal(UsageDocument, { after, first: 1, ...other })).extensions.code,
        'BAD_USER_INPUT',
      );
    now = before;
  });

  it('bad input: a span that is too long or ends before it begins, a foreign cursor', async () => {
    const refuse = async (variables: object, of: SeededAccount = owner) =>
      (await of.client.refusal(UsageDocument, variables)).extensions.code;
    assert.equal(await refuse({ from: span.to, to: span.from }), 'BAD_USER_INPUT');
    assert.equal(await refuse({ from: '2024-11-01T00:00:00Z', to: span.to }), 'BAD_USER_INPUT');
    for (const after of [
      '',
      'x',
      Buffer.from('[1,2,3,4]').toString('base64url'),
      Buffer.from('{}').toString('base64url'),
    ])
      assert.equal(await refuse({ ...span, after }), 'BAD_USER_INPUT', after);
    assert.equal(await refuse({ ...span, first: 101 }), 'BAD_USER_INPUT');
  });

  it('forbidden without read; unauthenticated; another account sees its own only', async () => {
    const caster = await seed.account(['cast']);
    assert.equal((await caster.client.fetch('/v1/budgets/usage')).status, 403);
    assert.equal((await client().fetch('/v1/budgets/usage')).status, 401);
    const stranger = await seed.account();
    assert.deepEqual((await stranger.client.get(UsageDocument, span)).viewer.usage.edges, []);
  });
});

interface CastRow {
  queued_at: Date;
  spell: string;
  prefix: string;
  end_user: string | null;
  fuel_used: string | null;
  cost_micros: string;
}

function placeOf({ day, spell, keyPrefix, endUser }: Row): string {
  return JSON.stringify([day ?? null, spell ?? null, keyPrefix ?? null, endUser ?? null]);
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  BudgetsDocument,
  NodeDocument,
  SetBudgetDocument,
  type SetBudgetInput,
} from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';

describe('setBudget', async () => {
  const { seed, client } = await startHarness({ roles: ['api'] });
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, {});

  const problemPaths = async (of: { client: typeof maker.client }, input: SetBudgetInput) => {
    const { extensions } = await of.client.refusal(SetBudgetDocument, { input });
    assert.equal(extensions.code, 'BAD_USER_INPUT', JSON.stringify(input));
    return (extensions['problems'] as { path: string }[]).map(({ path }) => path).sort();
  };

  it('ok: each scope, with its present period in UTC', async () => {
    const owner = await seed.account();
    const inputs: SetBudgetInput[] = [
      { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '5000000', softLimitMicros: '4000000' },
      { scope: 'API_KEY', subject: owner.keyPrefix, period: 'MONTHLY', hardLimitMicros: '1' },
      { scope: 'SPELL', subject: spell, period: 'DAILY', softLimitMicros: '0' },
      {
        scope: 'END_USER',
        subject: 'ann',
        period: 'MONTHLY',
        hardLimitMicros: '1000',
        notifyThresholds: [50, 100],
      },
    ];
    for (const input of inputs) {
      const { budget } = (await owner.client.get(SetBudgetDocument, { input })).setBudget;
      assert.equal(budget.scope, input.scope);
      assert.equal(budget.subject ?? null, input.subject ?? null);
      assert.equal(budget.hardLimitMicros ?? null, input.hardLimitMicros ?? null);
      assert.equal(budget.softLimitMicros ?? null, input.softLimitMicros ?? null);
      assert.deepEqual(budget.notifyThresholds, input.notifyThresholds ?? []);
      assert.equal(budget.spentMicros, '0');
      assert.equal(budget.heldMicros, '0');
      assert.equal(budget.remainingMicros ?? null, input.hardLimitMicros ?? null);
      const [start, end] = [new Date(budget.periodStart), new Date(budget.periodEnd)];
      assert.equal(start.getTime() % 86_400_000, 0);
      const expected = new Date(start);
      if (input.period === 'DAILY') expected.setUTCDate(start.getUTCDate() + 1);
      else expected.setUTCMonth(start.getUTCMonth() + 1);
      assert.equal(end.getTime(), expected.getTime());
      assert.ok(start.getTime() <= Date.now() && Date.now() < end.getTime());
    }
    const { viewer } = await owner.client.get(BudgetsDocument, {});
    assert.equal(viewer.budgets.edges.length, 4);
    assert.deepEqual(
      viewer.budgets.edges.map(({ node }) => node.scope),
      ['END_USER', 'SPELL', 'API_KEY', 'ACCOUNT'],
    );
  });

  it('ok: set again, it is the same budget with other limits', async () => {
    const owner = await seed.account();
    const key = { scope: 'ACCOUNT', period: 'DAILY' } as const;
    const set = async (input: SetBudgetInput) =>
      (await owner.client.get(SetBudgetDocument, { input })).setBudget.budget;
    const first = await set({ ...key, hardLimitMicros: '100', notifyThresholds: [10] });
    const second = await set({ ...key, softLimitMicros: '7' });
    assert.equal(second.id, first.id);
    assert.equal(second.hardLimitMicros, null);
    assert.equal(second.softLimitMicros, '7');
    assert.deepEqual(second.notifyThresholds, []);
    assert.equal((await owner.client.get(BudgetsDocument, {})).viewer.budgets.edges.length, 1);
    const { node } = await owner.client.get(NodeDocument, { id: first.id });
    assert.deepEqual(node, { __typename: 'Budget', id: first.id });
  });

  it('ok: many at once for the same key are one budget', async () => {
    const owner = await seed.account();
    const limits = Array.from({ length: 10 }, (_, index) => String(1_000 + index));
    const ids = await Promise.all(
      limits.map(async (hardLimitMicros) => {
        const input = { scope: 'ACCOUNT', period: 'MONTHLY', hardLimitMicros } as const;
        return (await owner.client.get(SetBudgetDocument, { input })).setBudget.budget.id;
      }),
    );
    assert.equal(new Set(ids).size, 1);
  });

  it('bad input: each problem with its place', async () => {
    const owner = await seed.account();
    const ok = { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '10' } as const;
    const cases: [SetBudgetInput, string[]][] = [
      [{ scope: 'ACCOUNT', period: 'DAILY' }, ['hardLimitMicros']],
      [{ ...ok, hardLimitMicros: '-1' }, ['hardLimitMicros']],
      [{ ...ok, hardLimitMicros: '1000000000000001' }, ['hardLimitMicros']],
      [{ ...ok, softLimitMicros: '11' }, ['softLimitMicros']],
      [{ ...ok, subject: 'someone' }, ['subject']],
      [{ ...ok, scope: 'END_USER' }, ['subject']],
      [{ ...ok, scope: 'END_USER', subject: 'e'.repeat(256) }, ['subject']],
      [{ ...ok, scope: 'END_USER', subject: 'a\u0000b' }, ['subject']],
      [{ ...ok, scope: 'SPELL', subject: 'com.example.nobody' }, ['subject']],
      [{ ...ok, scope: 'API_KEY', subject: maker.keyPrefix }, ['subject']],
      [{ ...ok, notifyThresholds: [0] }, ['notifyThresholds']],
      [{ ...ok, notifyThresholds: [101] }, ['notifyThresholds']],
      [{ ...ok, notifyThresholds: [50, 50] }, ['notifyThresholds']],
      [{ ...ok, notifyThresholds: [90, 50] }, ['notifyThresholds']],
      [{ ...ok, notifyThresholds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] }, ['notifyThresholds']],
      [
        {
          scope: 'SPELL',
          period: 'DAILY',
          softLimitMicros: '5',
          hardLimitMicros: '1',
          notifyThresholds: [200],
        },
        ['notifyThresholds', 'softLimitMicros', 'subject'],
      ],
    ];
    for (const [input, paths] of cases)
      assert.deepEqual(await problemPaths(owner, input), paths, JSON.stringify(input));
  });

  it('forbidden for a key that may only cast; unauthenticated for nobody', async () => {
    const caster = await seed.account(['cast', 'read']);
    const input = { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '10' } as const;
    assert.equal((await caster.client.refusal(SetBudgetDocument, { input })).extensions.code, 'FORBIDDEN');
    assert.equal((await client().refusal(SetBudgetDocument, { input })).extensions.code, 'UNAUTHENTICATED');
  });

  it('another account neither sees nor changes it', async () => {
    const [owner, stranger] = [await seed.account(), await seed.account()];
    const input = { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '10' } as const;
    const { budget } = (await owner.client.get(SetBudgetDocument, { input })).setBudget;
    await stranger.client.get(SetBudgetDocument, { input: { ...input, hardLimitMicros: '999' } });
    assert.equal((await stranger.client.get(NodeDocument, { id: budget.id })).node, null);
    const { viewer } = await owner.client.get(BudgetsDocument, {});
    assert.equal(viewer.budgets.edges[0]?.node.hardLimitMicros, '10');
  });

  it('pages are whole and in order', async () => {
    const owner = await seed.account();
    for (const subject of ['a', 'b', 'c', 'd', 'e'])
      await owner.client.get(SetBudgetDocument, {
        input: { scope: 'END_USER', subject, period: 'DAILY', hardLimitMicros: '1' },
      });
    const subjects: (string | null | undefined)[] = [];
    let after: string | null = null;
    do {
      const { viewer }: { viewer: { budgets: Page } } = await owner.client.get(BudgetsDocument, {
        first: 2,
        after,
      });
      subjects.push(...viewer.budgets.edges.map(({ node }) => node.subject));
      after = viewer.budgets.pageInfo.hasNextPage ? (viewer.budgets.pageInfo.endCursor ?? null) : null;
    } while (after !== null);
    assert.deepEqual(subjects, ['e', 'd', 'c', 'b', 'a']);
  });
});

interface Page {
  edges: { node: { subject?: string | null } }[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Logger } from 'typeorm';
import { startHarness } from '../support/harness.js';
import {
  ApiKeysDocument,
  CastDocument,
  CastsDocument,
  NodeDocument,
  SetBudgetDocument,
  SpellDocument,
  SpellsDocument,
  ViewerDocument,
  type CastsQuery,
} from '../support/gql/graphql.js';
import { requestScope } from '../../src/platform/index.js';

const PAGE = 20;

/** Counts the statements that requests cause; those of timers run outside any request. */
class StatementCount implements Logger {
  readonly statements: string[] = [];

  logQuery(sql: string): void {
    if (requestScope() !== undefined) this.statements.push(sql);
  }

  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}

describe('reading over GraphQL', async () => {
  const { seed, app, client } = await startHarness({ roles: ['api'] });
  const count = new StatementCount();
  app.database.logger = count;
  const account = await seed.account(['admin']);
  const stranger = await seed.account(['admin']);
  const spells: string[] = [];
  for (let n = 0; n < 4; n++) spells.push(await seed.spell(account, { guest: 'echo' }));
  const casts: string[] = [];
  for (let n = 0; n < PAGE; n++) {
    const { cast } = await account.client.get(CastDocument, {
      input: { spell: spells[n % spells.length] ?? '', input: String(n) },
    });
    casts.push(cast.cast.id);
  }

  const { viewer } = await account.client.get(ViewerDocument, {});
  const { viewer: withKeys } = await account.client.get(ApiKeysDocument, {});
  const { spell } = await account.client.get(SpellDocument, { key: spells[0] ?? '' });
  const { setBudget } = await account.client.get(SetBudgetDocument, {
    input: { scope: 'ACCOUNT', period: 'DAILY', hardLimitMicros: '1000000' },
  });
  const ids: Record<string, string> = {
    Account: viewer.id,
    Budget: setBudget.budget.id,
    ApiKey: withKeys.apiKeys.edges[0]?.node.id ?? '',
    Spell: spell?.id ?? '',
    SpellVersion: spell?.latestVersion?.id ?? '',
    Cast: casts[0] ?? '',
  };

  describe('statements', () => {
    async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
      count.statements.length = 0;
      await work();
      return [...count.statements];
    }

    it('a page of casts with spell, version and output needs as many as one cast', async () => {
      const few = await statementsOf(() => account.client.get(CastsDocument, { first: 1 }));
      const many = await statementsOf(() => account.client.get(CastsDocument, { first: PAGE }));
      assert.ok(few.length >= 3, 'the statements are counted');
      assert.equal(many.length, few.length, many.join('\n'));
      assert.ok(many.length <= 8, many.join('\n'));
    });

    it('so does a page of spells with their latest versions and all versions', async () => {
      const query = (first: number) =>
        account.client.askText(
          `{ spells(first: ${first}) { edges { node { key latestVersion { version spell { key } } versions(first: 5) { edges { node { version spell { key } } } } } } } }`,
        );
      const few = await statementsOf(() => query(1));
      const many = await statementsOf(() => query(4));
      assert.ok(few.length >= 2);
      assert.equal(many.length, few.length, many.join('\n'));
      assert.ok(many.length <= 8, many.join('\n'));
    });

    it('the recorded events of a page of casts are read without asking PostgreSQL for each', async () => {
      const query = (first: number) =>
        account.client.askText(
          `{ viewer { casts(first: ${first}) { edges { node { id events(first: 2) { edges { cursor } } } } } } }`,
        );
      const few = await statementsOf(() => query(1));
      const many = await statementsOf(() => query(PAGE));
      assert.equal(many.length, few.length, many.join('\n'));
    });
  });

  describe('node', () => {
    const find = async (who: typeof account, id: string) => (await who.client.get(NodeDocument, { id })).node;

    for (const [type, id] of Object.entries(ids)) {
      it(`ok: finds ${type}`, async () => {
        assert.deepEqual(await find(account, id), { __typename: type, id });
      });
    }

    it('ok: knows every type that implements Node', async () => {
      const { data } = await account.client.askText<{ __type: { possibleTypes: { name: string }[] } }>(
        '{ __type(name: "Node") { possibleTypes { name } } }',
      );
      assert.deepEqual(data?.__type.possibleTypes.map(({ name }) => name).sort(), Object.keys(ids).sort());
    });

    it('null for what belongs to another account, and for what does not exist', async () => {
      for (const type of ['Account', 'ApiKey', 'Budget', 'Cast'])
        assert.equal(await find(stranger, ids[type] ?? ''), null, type);
      for (const id of [
        '01a20264-2b80-74e4-be9c-9f6d49d49f2f',
        'nonsense',
        '',
        '00000000-0000-0000-0000-000000000000',
      ]) {
        assert.equal(await find(account, id), null, id);
      }
    });

    it('ok: spells and versions are everybody’s', async () => {
      for (const type of ['Spell', 'SpellVersion'])
        assert.equal((await find(stranger, ids[type] ?? ''))?.id, ids[type], type);
    });

    it('shows no key what its scopes would not show it elsewhere', async () => {
      const maker = await seed.key(account.accountId, ['publish']);
      const cast = await maker.client.askText('query ($id: ID!) { cast(id: $id) { id } }', {
        id: ids['Cast'],
      });
      assert.equal(cast.errors[0]?.extensions.code, 'FORBIDDEN');
      for (const type of ['Cast', 'ApiKey']) {
        const { data, errors } = await maker.client.ask(NodeDocument, { id: ids[type] ?? '' });
        assert.ok(
          data?.node == null || errors[0]?.extensions.code === 'FORBIDDEN',
          `${type}: ${JSON.stringify(data)}`,
        );
      }
      const { data } = await maker.client.askText<{ viewer: { id: string } }>('{ viewer { id } }');
      assert.equal(data?.viewer.id, account.accountId);
    });

    it('unauthenticated: without a key', async () => {
      const { errors } = await client().ask(NodeDocument, { id: ids['Cast'] ?? '' });
      assert.equal(errors[0]?.extensions.code, 'UNAUTHENTICATED');
    });
  });

  describe('lists', () => {
    it('pages of casts show each once, newest first, while casts are added', async () => {
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const page: CastsQuery = await account.client.get(CastsDocument, { first: 7, after });
        const { edges, pageInfo } = page.viewer.casts;
        seen.push(...edges.map(({ node }) => node.id));
        after = pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null;
        await account.client.get(CastDocument, { input: { spell: spells[0] ?? '', input: 'later' } });
      } while (after !== null);
      assert.deepEqual(seen, casts.toReversed());
    });

    it('bad input: a page of none, of 101, after nothing', async () => {
      for (const variables of [{ first: 0 }, { first: 101 }, { first: -5 }, { after: 'nonsense' }]) {
        for (const document of [CastsDocument, SpellsDocument, ApiKeysDocument]) {
          const { code } = (await account.client.refusal(document as typeof CastsDocument, variables))
            .extensions;
          assert.equal(code, 'BAD_USER_INPUT', JSON.stringify(variables));
        }
      }
    });
  });
});

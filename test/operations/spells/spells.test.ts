import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { GraphqlAnswer } from '../../support/client.js';
import {
  CastDocument,
  SpellDocument,
  SpellsDocument,
  YankSpellVersionDocument,
  type SpellsQuery,
} from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';

describe('spells', async () => {
  const { seed, client } = await startHarness({ roles: ['api'] });
  const maker = await seed.account(['publish']);
  const reader = await seed.account(['read', 'cast']);
  const word = () => randomBytes(6).toString('hex');

  const keysOf = async (variables: {
    search?: string;
    tag?: string;
    first?: number;
    after?: string | null;
  }) => {
    const { spells } = await reader.client.get(SpellsDocument, variables);
    return spells.edges.map(({ node }) => node.key);
  };
  /** The version that a cast of this reference takes. */
  const pick = async (spell: string): Promise<string> => {
    const { data, errors } = await reader.client.ask(CastDocument, { input: { spell } });
    return data?.cast.cast.spellVersion.version ?? errors[0]?.extensions.code ?? 'nothing';
  };

  it('ok: finds by part of a key, a name or a description, in any case', async () => {
    const mark = word();
    const key = await seed.spell(maker, { key: `com.example.find-${mark}` });
    assert.deepEqual(await keysOf({ search: mark }), [key]);
    assert.deepEqual(await keysOf({ search: mark.toUpperCase() }), [key]);
    assert.ok((await keysOf({ search: 'a guest OF the tests', first: 100 })).includes(key));
    assert.deepEqual(await keysOf({ search: `${mark}-no` }), []);
  });

  it('ok: the wildcards of SQL are letters like any other', async () => {
    const mark = word();
    const key = await seed.spell(maker, { key: `com.example.under_${mark}` });
    const near = await seed.spell(maker, { key: `com.example.underx${mark}` });
    assert.deepEqual(await keysOf({ search: `under_${mark}` }), [key]);
    assert.ok(!(await keysOf({ search: `under_${mark}` })).includes(near));
    assert.deepEqual(await keysOf({ search: `%${mark}` }), []);
  });

  it('ok: finds by tag, and by tag and search together', async () => {
    const tag = `tag-${word()}`;
    const one = await seed.spell(maker, { tags: [tag, 'other'] });
    const two = await seed.spell(maker, { tags: [tag] });
    assert.deepEqual((await keysOf({ tag })).sort(), [one, two].sort());
    assert.deepEqual(await keysOf({ tag, search: one }), [one]);
    assert.deepEqual(await keysOf({ tag: tag.slice(0, -1) }), []);
  });

  it('ok: pages meet every spell once, though new ones are published in between', async () => {
    const tag = `page-${word()}`;
    const published = new Set<string>();
    for (let i = 0; i < 7; i++) published.add(await seed.spell(maker, { tags: [tag] }));
    const seen: string[] = [];
    let after: string | null = null;
    for (let pages = 0; pages < 10; pages++) {
      const { spells }: SpellsQuery = await reader.client.get(SpellsDocument, { tag, first: 2, after });
      seen.push(...spells.edges.map(({ node }) => node.key));
      if (pages === 0) await seed.spell(maker, { tags: [tag] });
      assert.equal(spells.pageInfo.endCursor, spells.edges.at(-1)?.cursor);
      if (!spells.pageInfo.hasNextPage) break;
      after = spells.pageInfo.endCursor ?? null;
    }
    assert.equal(seen.length, 7);
    assert.deepEqual(new Set(seen), published);
  });

  it('ok: the versions of a spell come in pages too, newest first', async () => {
    const key = await seed.spell(maker, { version: '1.0.0' });
    for (const version of ['1.1.0', '1.2.0', '2.0.0', '0.9.0']) {
      await seed.spell(maker, { key, version });
    }
    const query = `query ($key: String!, $after: String) { spell(key: $key) { versions(first: 2, after: $after) {
      edges { cursor node { version } } pageInfo { hasNextPage endCursor } } } }`;
    const seen: string[] = [];
    let after: string | null = null;
    for (let pages = 0; pages < 10; pages++) {
      const answer: GraphqlAnswer<{ spell: { versions: VersionPage } }> = await reader.client.askText(query, {
        key,
        after,
      });
      const { edges, pageInfo } = answer.data?.spell.versions ?? {
        edges: [],
        pageInfo: { hasNextPage: false, endCursor: null },
      };
      seen.push(...edges.map(({ node }) => node.version));
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    assert.deepEqual(seen, ['0.9.0', '2.0.0', '1.2.0', '1.1.0', '1.0.0']);
    const { spell } = await reader.client.get(SpellDocument, { key });
    assert.equal(spell?.latestVersion?.version, '2.0.0');
  });

  it('ok: a reference takes the highest version that fits', async () => {
    const key = await seed.spell(maker, { version: '1.2.0' });
    for (const version of ['1.10.0', '1.9.9', '2.0.0', '3.0.0-beta.1', '0.1.0'])
      await seed.spell(maker, { key, version });
    const expected: [string, string][] = [
      [key, '2.0.0'],
      [`${key}@*`, '2.0.0'],
      [`${key}@1.2.0`, '1.2.0'],
      [`${key}@^1`, '1.10.0'],
      [`${key}@~1.9`, '1.9.9'],
      [`${key}@>=1.2.0 <1.10.0`, '1.9.9'],
      [`${key}@0.x`, '0.1.0'],
      [`${key}@1 || 0.1`, '1.10.0'],
      [`${key}@3.0.0-beta.1`, '3.0.0-beta.1'],
      [`${key}@^3.0.0-alpha`, '3.0.0-beta.1'],
      [`${key}@3`, 'NOT_FOUND'],
      [`${key}@^4`, 'NOT_FOUND'],
      [`${key}@1.2.1`, 'NOT_FOUND'],
    ];
    for (const [reference, version] of expected) assert.equal(await pick(reference), version, reference);
  });

  it('ok: a spell with pre-releases only has no latest version and is not picked without one being named', async () => {
    const key = await seed.spell(maker, { version: '1.0.0-rc.1' });
    assert.equal(await pick(key), 'NOT_FOUND');
    assert.equal(await pick(`${key}@1.0.0-rc.1`), '1.0.0-rc.1');
    const { spell } = await reader.client.get(SpellDocument, { key });
    assert.equal(spell?.latestVersion, null);
  });

  it('ok: a new version is picked at once', async () => {
    const key = await seed.spell(maker, { version: '1.0.0' });
    assert.equal(await pick(key), '1.0.0');
    await seed.spell(maker, { key, version: '1.0.1' });
    assert.equal(await pick(key), '1.0.1');
  });

  it('ok: a yanked version is neither the latest nor found by a range', async () => {
    const key = await seed.spell(maker, { version: '1.0.0' });
    await seed.spell(maker, { key, version: '1.1.0' });
    await maker.client.get(YankSpellVersionDocument, { input: { key, version: '1.1.0' } });
    const { spell } = await reader.client.get(SpellDocument, { key });
    assert.equal(spell?.latestVersion?.version, '1.0.0');
    assert.equal(spell?.versions.edges.length, 2);
  });

  it('not found: an unknown spell is null in a query and NOT_FOUND in a cast', async () => {
    const { spell } = await reader.client.get(SpellDocument, { key: 'com.example.no-such-spell' });
    assert.equal(spell, null);
    assert.equal(await pick('com.example.no-such-spell'), 'NOT_FOUND');
  });

  it('bad input: a malformed reference', async () => {
    const key = await seed.spell(maker, {});
    const malformed = [
      '',
      '@',
      '@1.0.0',
      `${key}@latest`,
      `${key}@1@2`,
      `${key}@not a range`,
      `${key}@${'1'.repeat(300)}`,
    ];
    for (const reference of malformed) assert.equal(await pick(reference), 'BAD_USER_INPUT', reference);
  });

  it('bad input: a NUL, which the database cannot hold, is the caller’s mistake and not ours', async () => {
    assert.match(await pick('com.example.a\u0000b'), /^(BAD_USER_INPUT|NOT_FOUND)$/);
    const spell = await reader.client.ask(SpellDocument, { key: 'com.example.a\u0000b' });
    const search = await reader.client.ask(SpellsDocument, { search: 'a\u0000b' });
    const tag = await reader.client.ask(SpellsDocument, { tag: 'a\u0000b' });
    for (const { errors } of [spell, search, tag]) {
      assert.notEqual(errors[0]?.extensions.code, 'INTERNAL');
    }
  });

  it('bad input: pages of no or too many spells, a cursor of something else, a search that is too long', async () => {
    const wrong = [
      { first: 0 },
      { first: 101 },
      { first: -1 },
      { after: 'nonsense' },
      { search: 'x'.repeat(201) },
    ];
    for (const variables of wrong) {
      const error = await reader.client.refusal(SpellsDocument, variables);
      assert.equal(error.extensions.code, 'BAD_USER_INPUT', JSON.stringify(variables).slice(0, 50));
    }
  });

  it('unauthenticated: nobody', async () => {
    assert.equal((await client().refusal(SpellsDocument, {})).extensions.code, 'UNAUTHENTICATED');
    assert.equal(
      (await client().refusal(SpellDocument, { key: 'com.example.a' })).extensions.code,
      'UNAUTHENTICATED',
    );
  });
});

interface VersionPage {
  edges: { cursor: string; node: { version: string } }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../../support/harness.js';
import { KEY_EDGES } from '../create-api-key/key-edges.js';

describe('list API keys', async () => {
  const { seed, client } = await startHarness({ roles: ['api'] });

  for (const edge of KEY_EDGES) {
    describe(`over ${edge.name}`, async () => {
      const owner = await seed.account(['admin']);
      const issued = [owner];
      for (const name of ['b', 'c', 'd', 'e'])
        issued.push(await seed.key(owner.accountId, name === 'b' ? ['read'] : ['cast']));
      const newestFirst = issued.map((key) => key.keyPrefix).reverse();

      it('ok: the account’s keys, newest first, and nobody else’s', async () => {
        await seed.account(['admin']);
        const { keys, next } = await edge.list(owner.client);
        assert.deepEqual(
          keys.map((key) => key.prefix),
          newestFirst,
        );
        assert.equal(next, null);
      });

      it('ok: never shows a secret or a hash', async () => {
        const raw =
          edge.name === 'REST'
            ? await (await owner.client.fetch('/v1/keys')).text()
            : JSON.stringify(
                await owner.client.askText(
                  '{ viewer { apiKeys { edges { node { id prefix name scopes } } } } }',
                ),
              );
        assert.ok(raw.includes(owner.keyPrefix));
        assert.ok(!raw.includes('argon2'), raw);
        for (const { apiKey, keyPrefix } of issued)
          assert.ok(!raw.includes(apiKey.slice(keyPrefix.length + 1)), raw);
      });

      it('ok: pages are stable while keys are added', async () => {
        const seen: string[] = [];
        let after: string | undefined;
        for (let pages = 0; pages < 10; pages++) {
          const page = await edge.list(owner.client, { first: 2, ...(after === undefined ? {} : { after }) });
          seen.push(...page.keys.map((key) => key.prefix));
          if (page.next === null) break;
          after = page.next;
          await seed.key(owner.accountId, ['cast']);
        }
        assert.deepEqual(seen, newestFirst);
      });

      it('ok: the last page is the last', async () => {
        const { keys } = await edge.list(owner.client, { first: 100 });
        const page = await edge.list(owner.client, { first: keys.length });
        assert.equal(page.keys.length, keys.length);
        assert.equal(page.next, null);
      });

      it('ok: the scope read is enough', async () => {
        assert.equal((await edge.list(issued[1]!.client)).code, null);
      });

      it('unauthenticated: without a key', async () => {
        assert.equal((await edge.list(client())).code, 'UNAUTHENTICATED');
      });

      it('forbidden: with neither read nor admin', async () => {
        const other = await seed.account(['cast', 'publish']);
        assert.equal((await edge.list(other.client)).code, 'FORBIDDEN');
      });

      for (const [what, page] of Object.entries({
        'a page of none': { first: 0 },
        'a page of 101': { first: 101 },
        'a negative page': { first: -1 },
        'a cursor that is none': { after: 'nonsense' },
        'a cursor of another list': { after: Buffer.from('1-1').toString('base64url') },
      })) {
        it(`bad input: ${what}`, async () => {
          assert.equal((await edge.list(owner.client, page)).code, 'BAD_USER_INPUT');
        });
      }

      it('ok: another account’s cursor shows nothing of it', async () => {
        const stranger = await seed.account(['admin']);
        await seed.key(stranger.accountId, ['cast']);
        const { next } = await edge.list(stranger.client, { first: 1 });
        const { keys } = await edge.list(owner.client, { first: 100, after: next ?? '' });
        for (const key of keys) assert.notEqual(key.prefix, stranger.keyPrefix);
      });
    });
  }
});

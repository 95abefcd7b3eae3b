import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../../support/harness.js';
import { CreateApiKeyDocument, ViewerDocument } from '../../support/gql/graphql.js';
import { fillKeys } from './fill-keys.js';
import { KEY_EDGES, PushedClock } from './key-edges.js';

const HOUR_MS = 3_600_000;
const KEYS_PER_ACCOUNT_MAX = 1_000;

describe('create an API key', async () => {
  const clock = new PushedClock();
  const { seed, client, app } = await startHarness({ roles: ['api'], clock });
  const admin = await seed.account(['admin']);
  const inHours = (hours: number) => new Date(clock.now().getTime() + hours * HOUR_MS).toISOString();

  for (const edge of KEY_EDGES) {
    describe(`over ${edge.name}`, () => {
      it('ok: answers the key and its secret, which works at once', async () => {
        const expiresAt = inHours(1);
        const { key, secret, code } = await edge.create(admin.client, {
          name: '  ci  ',
          scopes: ['cast', 'read', 'cast'],
          expiresAt,
        });
        assert.equal(code, null);
        assert.equal(key?.name, 'ci');
        assert.deepEqual(key?.scopes, ['cast', 'read']);
        assert.equal(new Date(key?.expiresAt ?? 0).toISOString(), expiresAt);
        assert.deepEqual([key?.lastUsedAt, key?.revokedAt], [null, null]);
        assert.match(secret ?? '', /^spell_[0-9A-Za-z]{10}_[0-9A-Za-z]{34}$/);
        assert.ok(secret?.startsWith(`${key?.prefix}_`));
        const { viewer } = await client(secret ?? '').get(ViewerDocument, {});
        assert.equal(viewer.id, admin.accountId);
      });

      it('ok: the new key may do what its scopes say and no more', async () => {
        const { secret } = await edge.create(admin.client, { name: 'narrow', scopes: ['cast'] });
        const outcome = await edge.create(client(secret ?? ''), { name: 'wider', scopes: ['admin'] });
        assert.equal(outcome.code, 'FORBIDDEN');
      });

      it('unauthenticated: without a key', async () => {
        const outcome = await edge.create(client(), { name: 'ci', scopes: ['cast'] });
        assert.equal(outcome.code, 'UNAUTHENTICATED');
        assert.equal(outcome.secret, null);
      });

      it('forbidden: every scope but admin', async () => {
        const other = await seed.key(admin.accountId, ['cast', 'publish', 'read']);
        const outcome = await edge.create(other.client, { name: 'ci', scopes: ['cast'] });
        assert.equal(outcome.code, 'FORBIDDEN');
        assert.equal(outcome.secret, null);
      });

      it('bad input: names every problem at once, in the words of the caller', async () => {
        const outcome = await edge.create(admin.client, {
          name: '   ',
          scopes: ['root', 'cast', 'sudo'],
          expiresAt: inHours(-1),
        });
        assert.equal(outcome.code, 'BAD_USER_INPUT');
        const expiry = edge.name === 'REST' ? 'expires_at' : 'expiresAt';
        assert.deepEqual(outcome.problems, ['name', 'scopes/0', 'scopes/2', expiry]);
      });

      it('bad input: no scope at all, a name beyond 100 characters', async () => {
        const outcome = await edge.create(admin.client, { name: 'n'.repeat(101), scopes: [] });
        assert.equal(outcome.code, 'BAD_USER_INPUT');
        assert.deepEqual(outcome.problems, ['name', 'scopes']);
        assert.equal(
          (await edge.create(admin.client, { name: 'n'.repeat(100), scopes: ['cast'] })).code,
          null,
        );
      });

      it('bad input: a name that PostgreSQL cannot keep', async () => {
        for (const name of ['a\u0000b', 'a\ud800']) {
          const outcome = await edge.create(admin.client, { name, scopes: ['cast'] });
          assert.equal(outcome.code, 'BAD_USER_INPUT');
          assert.deepEqual(outcome.problems, ['name']);
        }
      });

      it('bad input: a time that is none', async () => {
        const outcome = await edge.create(admin.client, {
          name: 'ci',
          scopes: ['cast'],
          expiresAt: 'tomorrow',
        });
        assert.equal(outcome.code, 'BAD_USER_INPUT');
      });
    });
  }

  it('conflict: an account that has as many keys as it may', async () => {
    const full = await seed.account(['admin']);
    await fillKeys(app.database, full.accountId, KEYS_PER_ACCOUNT_MAX - 1);
    const { extensions } = await full.client.refusal(CreateApiKeyDocument, {
      input: { name: 'one more', scopes: ['cast'] },
    });
    assert.equal(extensions.code, 'CONFLICT');
  });

  it('ok: a key that has expired takes no place', async () => {
    const account = await seed.account(['admin']);
    await fillKeys(app.database, account.accountId, KEYS_PER_ACCOUNT_MAX, new Date(Date.now() - HOUR_MS));
    await account.client.get(CreateApiKeyDocument, { input: { name: 'one more', scopes: ['cast'] } });
  });

  it('conflict: of several that want the last place all but one', async () => {
    const account = await seed.account(['admin']);
    await fillKeys(app.database, account.accountId, KEYS_PER_ACCOUNT_MAX - 2);
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, (_, n) =>
        account.client.ask(CreateApiKeyDocument, { input: { name: `${n}`, scopes: ['cast'] } }),
      ),
    );
    const codes = outcomes.map(({ errors }) => errors[0]?.extensions.code ?? 'OK');
    assert.deepEqual(codes.toSorted(), [...Array<string>(4).fill('CONFLICT'), 'OK']);
  });

  it('unauthenticated: a key stops at its expiry, remembered or not', async () => {
    const expiresAt = inHours(24);
    const [hot, cold] = await Promise.all(
      ['hot', 'cold'].map(
        async (name) =>
          (await KEY_EDGES[0]!.create(admin.client, { name, scopes: ['read'], expiresAt })).secret ?? '',
      ),
    );
    assert.equal((await client(hot).ask(ViewerDocument, {})).status, 200);
    clock.push(24 * HOUR_MS + 1);
    for (const key of [hot, cold]) {
      const { status, errors } = await client(key).ask(ViewerDocument, {});
      assert.equal(status, 401);
      assert.equal(errors[0]?.extensions.code, 'UNAUTHENTICATED');
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../../support/harness.js';
import type { ApiClient } from '../../support/client.js';
import { RevokeApiKeyDocument, RotateApiKeyDocument, ViewerDocument } from '../../support/gql/graphql.js';
import { fillKeys } from '../create-api-key/fill-keys.js';
import { PushedClock } from '../create-api-key/key-edges.js';

const DAY_S = 24 * 3_600;
const KEYS_PER_ACCOUNT_MAX = 1_000;

describe('rotate an API key', async () => {
  const clock = new PushedClock();
  const { seed, client, app } = await startHarness({ roles: ['api'], clock });
  const admin = await seed.account(['admin']);
  const works = async (who: ApiClient) => (await who.ask(ViewerDocument, {})).status === 200;
  const rotate = async (prefix: string, overlapSeconds?: number) =>
    (await admin.client.get(RotateApiKeyDocument, { input: { prefix, overlapSeconds } })).rotateApiKey;
  const refusal = async (who: ApiClient, input: { prefix: string; overlapSeconds?: number }) =>
    (await who.refusal(RotateApiKeyDocument, { input })).extensions;

  describe('ok', () => {
    it('answers a successor with the same name and scopes and its own secret', async () => {
      const old = await seed.key(admin.accountId, ['cast', 'read']);
      const { apiKey, secret, replaced } = await rotate(old.keyPrefix);
      assert.equal(apiKey.name, 'seeded');
      assert.deepEqual(apiKey.scopes, ['cast', 'read']);
      assert.equal(apiKey.expiresAt, null);
      assert.notEqual(apiKey.prefix, old.keyPrefix);
      assert.ok(secret.startsWith(`${apiKey.prefix}_`));
      assert.equal(replaced.prefix, old.keyPrefix);
      const overlapS = (new Date(replaced.expiresAt ?? 0).getTime() - clock.now().getTime()) / 1_000;
      assert.ok(overlapS > DAY_S - 60 && overlapS <= DAY_S, `${overlapS} s`);
    });

    it('lets both work during the overlap, then only the new one', async () => {
      const old = await seed.key(admin.accountId, ['read']);
      assert.ok(await works(old.client));
      const { secret } = await rotate(old.keyPrefix, 600);
      assert.ok(await works(old.client));
      assert.ok(await works(client(secret)));
      clock.push(595_000);
      assert.ok(await works(old.client));
      clock.push(6_000);
      assert.ok(!(await works(old.client)));
      assert.ok(await works(client(secret)));
    });

    it('without an overlap stops the old key within 5 seconds', async () => {
      const old = await seed.key(admin.accountId, ['read']);
      assert.ok(await works(old.client));
      const { secret } = await rotate(old.keyPrefix, 0);
      clock.push(5_000);
      assert.ok(!(await works(old.client)));
      assert.ok(await works(client(secret)));
    });

    it('never makes a key live longer than it would have', async () => {
      const expiresAt = new Date(clock.now().getTime() + 60_000);
      const old = await seed.key(admin.accountId, ['read'], expiresAt);
      const { apiKey, replaced } = await rotate(old.keyPrefix, DAY_S);
      assert.equal(new Date(replaced.expiresAt ?? 0).toISOString(), expiresAt.toISOString());
      assert.equal(new Date(apiKey.expiresAt ?? 0).toISOString(), expiresAt.toISOString());
    });

    it('the successor can be rotated in its turn', async () => {
      const old = await seed.key(admin.accountId, ['read']);
      const first = await rotate(old.keyPrefix);
      const second = await rotate(first.apiKey.prefix);
      assert.ok(await works(client(second.secret)));
    });
  });

  it('unauthenticated: without a key', async () => {
    assert.equal((await refusal(client(), { prefix: admin.keyPrefix })).code, 'UNAUTHENTICATED');
  });

  it('forbidden: every scope but admin', async () => {
    const other = await seed.key(admin.accountId, ['cast', 'publish', 'read']);
    assert.equal((await refusal(other.client, { prefix: admin.keyPrefix })).code, 'FORBIDDEN');
  });

  it('bad input: an overlap below zero or above 30 days', async () => {
    for (const overlapSeconds of [-1, 30 * DAY_S + 1]) {
      const { code, problems } = await refusal(admin.client, { prefix: admin.keyPrefix, overlapSeconds });
      assert.equal(code, 'BAD_USER_INPUT');
      assert.deepEqual(
        (problems as { path: string }[]).map(({ path }) => path),
        ['overlapSeconds'],
      );
    }
  });

  describe('not found', () => {
    it('a foreign account’s key, in the words for one that does not exist', async () => {
      const stranger = await seed.account(['admin']);
      const foreign = await admin.client.refusal(RotateApiKeyDocument, {
        input: { prefix: stranger.keyPrefix },
      });
      const missing = await admin.client.refusal(RotateApiKeyDocument, {
        input: { prefix: 'spell_0000000000' },
      });
      assert.equal(foreign.extensions.code, 'NOT_FOUND');
      assert.equal(foreign.message, missing.message);
      assert.ok(await works(stranger.client));
    });

    it('a prefix that no key can have', async () => {
      assert.equal((await refusal(admin.client, { prefix: 'a\u0000b' })).code, 'BAD_USER_INPUT');
    });

    it('a key that was revoked', async () => {
      const old = await seed.key(admin.accountId, ['read']);
      await admin.client.get(RevokeApiKeyDocument, { input: { prefix: old.keyPrefix } });
      assert.equal((await refusal(admin.client, { prefix: old.keyPrefix })).code, 'NOT_FOUND');
    });
  });

  describe('conflict', () => {
    it('a key that was rotated already', async () => {
      const old = await seed.key(admin.accountId, ['read']);
      await rotate(old.keyPrefix);
      assert.equal((await refusal(admin.client, { prefix: old.keyPrefix })).code, 'CONFLICT');
    });

    it('an account that has as many keys as it may, unless the old key ends at once', async () => {
      const full = await seed.account(['admin']);
      const old = await seed.key(full.accountId, ['read']);
      await fillKeys(app.database, full.accountId, KEYS_PER_ACCOUNT_MAX - 2);
      assert.equal((await refusal(full.client, { prefix: old.keyPrefix })).code, 'CONFLICT');
      await full.client.get(RotateApiKeyDocument, { input: { prefix: old.keyPrefix, overlapSeconds: 0 } });
    });

    it('a key that has expired', async () => {
      const old = await seed.key(admin.accountId, ['read'], new Date(clock.now().getTime() + 1_000));
      clock.push(2_000);
      assert.equal((await refusal(admin.client, { prefix: old.keyPrefix })).code, 'CONFLICT');
    });

    it('of several rotations at the same moment all but one', async () => {
      const old = await seed.key(admin.accountId, ['read']);
      const answers = await Promise.all(
        Array.from({ length: 4 }, () =>
          admin.client.ask(RotateApiKeyDocument, { input: { prefix: old.keyPrefix } }),
        ),
      );
      const codes = answers.map(({ errors }) => errors[0]?.extensions.code ?? 'OK').sort();
      assert.deepEqual(codes, ['CONFLICT', 'CONFLICT', 'CONFLICT', 'OK']);
    });
  });
});

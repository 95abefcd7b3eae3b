import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../../support/harness.js';
import { ApiClient } from '../../support/client.js';
import {
  ApiKeysDocument,
  CreateApiKeyDocument,
  RevokeApiKeyDocument,
  ViewerDocument,
} from '../../support/gql/graphql.js';
import { spawnProcess } from '../../support/processes.js';
import { RawSocket, closeCode } from '../../graphql/raw-socket.js';
import { waitUntil } from '../../support/wait.js';
import { KEY_EDGES } from '../create-api-key/key-edges.js';

// What is promised.
const REVOKED_WITHIN_MS = 5_000;

describe('revoke an API key', { concurrency: true }, async () => {
  const { seed, client, app, environment } = await startHarness({ roles: ['api'] });
  const other = await spawnProcess('api', environment);
  const admin = await seed.account(['admin']);
  const elsewhere = (apiKey: string) => new ApiClient(other.url, apiKey);
  const isRefused = async (who: ApiClient) => {
    const { status, errors } = await who.ask(ViewerDocument, {});
    return status === 401 && errors[0]?.extensions.code === 'UNAUTHENTICATED';
  };
  const revokeInDatabase = (prefix: string) =>
    app.database.query('UPDATE api_keys SET revoked_at = now() WHERE prefix = $1', [prefix]);

  for (const edge of KEY_EDGES) {
    describe(`over ${edge.name}`, () => {
      it('ok: answers the key with the time of its end, also when asked again', async () => {
        const victim = await seed.key(admin.accountId, ['cast']);
        const { key, code } = await edge.revoke(admin.client, victim.keyPrefix);
        assert.equal(code, null);
        assert.equal(key?.prefix, victim.keyPrefix);
        assert.ok(Math.abs(new Date(key?.revokedAt ?? 0).getTime() - Date.now()) < 10_000);
        const again = await edge.revoke(admin.client, victim.keyPrefix);
        assert.equal(again.key?.revokedAt, key?.revokedAt);
        const { viewer } = await admin.client.get(ApiKeysDocument, { first: 100 });
        const listed = viewer.apiKeys.edges.find(({ node }) => node.prefix === victim.keyPrefix);
        assert.equal(listed?.node.revokedAt, new Date(key?.revokedAt ?? 0).toISOString());
      });

      it('ok: a hot key is refused at once here and within 5 seconds in another process', async () => {
        const victim = await seed.key(admin.accountId, ['read']);
        assert.ok(!(await isRefused(victim.client)));
        assert.ok(!(await isRefused(elsewhere(victim.apiKey))));
        await edge.revoke(admin.client, victim.keyPrefix);
        await waitUntil('refused here', 1_000, () => isRefused(victim.client));
        await waitUntil('refused there', REVOKED_WITHIN_MS, () => isRefused(elsewhere(victim.apiKey)));
      });

      it('unauthenticated: without a key', async () => {
        const victim = await seed.key(admin.accountId, ['read']);
        assert.equal((await edge.revoke(client(), victim.keyPrefix)).code, 'UNAUTHENTICATED');
        assert.ok(!(await isRefused(victim.client)));
      });

      it('forbidden: every scope but admin', async () => {
        const weak = await seed.key(admin.accountId, ['cast', 'publish', 'read']);
        assert.equal((await edge.revoke(weak.client, weak.keyPrefix)).code, 'FORBIDDEN');
        assert.ok(!(await isRefused(weak.client)));
      });

      it('not found: a foreign account’s key, in the words for one that does not exist', async () => {
        const stranger = await seed.account(['admin']);
        const foreign = await edge.revoke(admin.client, stranger.keyPrefix);
        const missing = await edge.revoke(admin.client, 'spell_0000000000');
        assert.equal(foreign.code, 'NOT_FOUND');
        assert.deepEqual(foreign, missing);
        assert.ok(!(await isRefused(stranger.client)));
      });

      it('not found: a prefix that no key can have', async () => {
        assert.equal((await edge.revoke(admin.client, 'a\u0000b')).code, 'BAD_USER_INPUT');
      });
    });
  }

  it('ok: a key may end itself', async () => {
    const own = await seed.key(admin.accountId, ['admin']);
    const { revokeApiKey } = await own.client.get(RevokeApiKeyDocument, { input: { prefix: own.keyPrefix } });
    assert.notEqual(revokeApiKey.apiKey.revokedAt, null);
    await waitUntil('refused', REVOKED_WITHIN_MS, () => isRefused(own.client));
  });

  describe('when the message to the other processes is lost', () => {
    it('a hot key is refused within 5 seconds, however often it is used meanwhile', async () => {
      const victim = await seed.key(admin.accountId, ['read']);
      assert.ok(!(await isRefused(victim.client)));
      await revokeInDatabase(victim.keyPrefix);
      await waitUntil('refused', REVOKED_WITHIN_MS, () => isRefused(victim.client));
    });

    it('the open sockets of the key are closed with 4403 within 5 seconds, and only those', async () => {
      const victim = await seed.key(admin.accountId, ['cast']);
      const sockets = await Promise.all([1, 2].map(() => RawSocket.authenticated(app.url, victim.apiKey)));
      const bystander = await RawSocket.authenticated(app.url, admin.apiKey);
      await revokeInDatabase(victim.keyPrefix);
      const codes = await Promise.all(sockets.map((socket) => closeCode(socket, REVOKED_WITHIN_MS)));
      assert.deepEqual(codes, [4403, 4403]);
      bystander.send({ type: 'ping' });
      await bystander.message(({ type }) => type === 'pong');
      await bystander.close();
    });
  });

  it('the open socket of a revoked key is closed with 4403 in every process', async () => {
    const victim = await seed.key(admin.accountId, ['cast']);
    const here = await RawSocket.authenticated(app.url, victim.apiKey);
    const there = await RawSocket.authenticated(other.url, victim.apiKey);
    await admin.client.get(RevokeApiKeyDocument, { input: { prefix: victim.keyPrefix } });
    assert.equal(await closeCode(here, REVOKED_WITHIN_MS), 4403);
    assert.equal(await closeCode(there, REVOKED_WITHIN_MS), 4403);
  });

  it('the open socket of a key that expires is closed with 4403 within 5 seconds', async () => {
    const expiresAt = new Date(Date.now() + 4_000);
    const victim = await seed.key(admin.accountId, ['cast'], expiresAt);
    const socket = await RawSocket.authenticated(app.url, victim.apiKey);
    assert.equal(await closeCode(socket, expiresAt.getTime() - Date.now() + REVOKED_WITHIN_MS), 4403);
    assert.ok(Date.now() >= expiresAt.getTime());
  });

  it('a revoked key cannot be used to make another', async () => {
    const victim = await seed.key(admin.accountId, ['admin']);
    await admin.client.get(RevokeApiKeyDocument, { input: { prefix: victim.keyPrefix } });
    await waitUntil('refused', REVOKED_WITHIN_MS, () => isRefused(victim.client));
    const { extensions } = await victim.client.refusal(CreateApiKeyDocument, {
      input: { name: 'late', scopes: ['admin'] },
    });
    assert.equal(extensions.code, 'UNAUTHENTICATED');
  });
});

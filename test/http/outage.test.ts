import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import { ApiClient } from '../support/client.js';
import { RevokeApiKeyDocument, ViewerDocument } from '../support/gql/graphql.js';
import { spawnProcess } from '../support/processes.js';
import { waitUntil } from '../support/wait.js';
import { RawSocket } from '../graphql/raw-socket.js';
import { Cuttable } from './cuttable.js';

const ANSWERS_WITHIN_MS = 3_000;

describe('when a service behind the API is gone', async () => {
  const { seed, environment } = await startHarness({ roles: ['api'] });
  const postgres = await Cuttable.to(environment['DATABASE_URL'] ?? '');
  const redis = await Cuttable.to(environment['REDIS_URL'] ?? '');
  const api = await spawnProcess('api', { ...environment, DATABASE_URL: postgres.url, REDIS_URL: redis.url });
  after(() => Promise.all([postgres.cut(), redis.cut()]));
  const account = await seed.account(['admin']);
  const client = new ApiClient(api.url, account.apiKey);
  const stranger = new ApiClient(api.url, null);

  const readiness = () => stranger.fetch('/readyz');
  const isReady = async () => (await readiness()).status === 200;

  it('first everything is there', async () => {
    const response = await readiness();
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { status: 'ok', checks: { postgres: 'ok', redis: 'ok' } });
    await client.get(ViewerDocument, {});
  });

  describe('without PostgreSQL', () => {
    it('is alive and not ready, and names what is gone', async () => {
      await postgres.cut();
      assert.equal((await stranger.fetch('/healthz')).status, 200);
      const response = await readiness();
      assert.equal(response.status, 503);
      assert.deepEqual(await response.json(), {
        status: 'unavailable',
        checks: { postgres: 'unavailable', redis: 'ok' },
      });
    });

    it('answers UNAVAILABLE, without a word about the database', async () => {
      // A key that was never seen here, so that verification itself has to give up.
      const cold = new ApiClient(api.url, (await seed.key(account.accountId, ['admin'])).apiKey);
      for (const who of [client, cold]) {
        const { errors } = await who.ask(ViewerDocument, {});
        assert.equal(errors[0]?.extensions.code, 'UNAVAILABLE');
        const response = await who.fetch('/v1/keys');
        assert.equal(response.status, 503);
        const text = await response.text();
        assert.equal((JSON.parse(text) as { code: string }).code, 'UNAVAILABLE');
        assert.doesNotMatch(text, /ECONN|127\.0\.0\.1|postgres|connect /i);
      }
    });

    it('tells a socket nothing either, when its key cannot be checked', async () => {
      const cold = await seed.key(account.accountId, ['admin']);
      const socket = await RawSocket.open(api.url);
      socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${cold.apiKey}` } });
      const { code, reason } = await socket.closed;
      assert.notEqual(code, 4403);
      assert.doesNotMatch(reason, /ECONN|127\.0\.0\.1|postgres|connect /i);
    });

    it('works again as soon as it is back', async () => {
      await postgres.mend();
      await waitUntil('ready', 5_000, isReady);
      await client.get(ViewerDocument, {});
    });
  });

  describe('without Redis', () => {
    it('is alive and not ready, and names what is gone', async () => {
      await redis.cut();
      assert.equal((await stranger.fetch('/healthz')).status, 200);
      const response = await readiness();
      assert.equal(response.status, 503);
      assert.deepEqual(await response.json(), {
        status: 'unavailable',
        checks: { postgres: 'ok', redis: 'unavailable' },
      });
    });

    it('goes on answering what needs no Redis', async () => {
      await client.get(ViewerDocument, {});
    });

    it('revokes a key and answers, for the revocation needs no Redis', async () => {
      const victim = await seed.key(account.accountId, ['read']);
      const answer = client.get(RevokeApiKeyDocument, { input: { prefix: victim.keyPrefix } });
      const late = new Promise<never>((_, reject) => {
        setTimeout(
          () => reject(new Error(`no answer within ${ANSWERS_WITHIN_MS} ms`)),
          ANSWERS_WITHIN_MS,
        ).unref();
      });
      const { revokeApiKey } = await Promise.race([answer, late]);
      assert.notEqual(revokeApiKey.apiKey.revokedAt, null);
    });

    it('still answers a scrape of its metrics', async () => {
      const response = await stranger.fetch('/metrics', { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });
      assert.equal(response.status, 200);
      assert.match(await response.text(), /^spell_http_request_seconds_count/m);
    });

    it('works again as soon as it is back', async () => {
      await redis.mend();
      await waitUntil('ready', 5_000, isReady);
    });
  });
});

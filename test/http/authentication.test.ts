import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { Client } from 'pg';
import { startHarness } from '../support/harness.js';
import { ApiKeysDocument, RevokeApiKeyDocument, ViewerDocument } from '../support/gql/graphql.js';
import { waitUntil } from '../graphql/wait.js';

const LOCKED_MS = 1_000;

/** A key with one character of its secret changed and the checksum made right again. */
async function withWrongSecret(apiKey: string, n: number): Promise<string> {
  const { crc32 } = await import('node:zlib');
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  const body = `${apiKey.slice(0, -9)}${String(n).padStart(3, '0')}`;
  let rest = crc32(body);
  let sum = '';
  for (let i = 0; i < 6; i++) {
    sum += alphabet.charAt(rest % 62);
    rest = Math.floor(rest / 62);
  }
  return body + sum;
}

describe('authentication by API key', async () => {
  const { seed, client, config } = await startHarness({ roles: ['api'] });
  const admin = await seed.account(['admin']);

  describe('unauthenticated', async () => {
    const [expired, revoked, other] = await Promise.all([
      seed.key(admin.accountId, ['admin'], new Date(Date.now() - 1_000)),
      seed.key(admin.accountId, ['admin']),
      seed.key(admin.accountId, ['admin']),
    ]);
    await admin.client.get(RevokeApiKeyDocument, { input: { prefix: revoked.keyPrefix } });
    const mistyped = `${other.apiKey.slice(0, -1)}${other.apiKey.endsWith('0') ? '1' : '0'}`;
    const tokens: Record<string, string> = {
      'of which nothing is ours': 'nonsense',
      'with a wrong secret': await withWrongSecret(other.apiKey, 0),
      'of an unknown prefix': await withWrongSecret(`spell_0000000000_${other.apiKey.slice(-34)}`, 0),
      truncated: other.apiKey.slice(0, -3),
      'with a mistyped checksum': mistyped,
      'with something after it': `${other.apiKey}x`,
      expired: expired.apiKey,
      revoked: revoked.apiKey,
    };

    async function answer(path: string, headers: Record<string, string>) {
      const body = path === '/graphql' ? JSON.stringify({ query: '{ viewer { id } }' }) : null;
      const response = await client().fetch(path, { method: body === null ? 'GET' : 'POST', headers, body });
      const text = await response.text();
      const requestId = response.headers.get('x-request-id') ?? 'none';
      assert.ok(text.includes(requestId), text);
      const sent = [...response.headers]
        .filter(([name]) => name !== 'date' && name !== 'x-request-id')
        .toSorted(([a], [b]) => a.localeCompare(b));
      return { status: response.status, body: text.replace(requestId, '<id>'), headers: sent };
    }

    for (const path of ['/graphql', '/v1/keys']) {
      it(`${path}: every key that does not open is refused in exactly the same words`, async () => {
        const expected = await answer(path, { authorization: 'Bearer nonsense' });
        assert.equal(expected.status, 401);
        assert.match(expected.body, /"code":"UNAUTHENTICATED"/);
        for (const [what, token] of Object.entries(tokens)) {
          assert.deepEqual(await answer(path, { authorization: `Bearer ${token}` }), expected, what);
        }
      });

      it(`${path}: so is a header of another kind`, async () => {
        const expected = await answer(path, { authorization: 'Bearer nonsense' });
        for (const authorization of [
          other.apiKey,
          `Basic ${other.apiKey}`,
          'Bearer',
          `Bearer ${other.apiKey} x`,
        ]) {
          assert.deepEqual(await answer(path, { authorization }), expected, authorization);
        }
      });
    }

    it('says how to authenticate (RFC 9110 §15.5.2)', async () => {
      const response = await client('nonsense').fetch('/v1/keys');
      assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/);
    });

    it('the scheme is not case-sensitive', async () => {
      const response = await client().fetch('/v1/keys', {
        headers: { authorization: `bearer ${other.apiKey}` },
      });
      assert.equal(response.status, 200);
    });
  });

  describe('rate limited', () => {
    it('after 20 wrong secrets on one prefix, and says when to come back', async () => {
      const target = await seed.key(admin.accountId, ['read']);
      const statuses: number[] = [];
      let last: Response | null = null;
      for (let n = 0; n < 25; n++) {
        last = await client(await withWrongSecret(target.apiKey, n)).fetch('/v1/keys');
        statuses.push(last.status);
      }
      assert.deepEqual(statuses, [...Array<number>(20).fill(401), ...Array<number>(5).fill(429)]);
      const problem = (await last?.json()) as { code: string; retryAfterSeconds: number };
      assert.equal(problem.code, 'RATE_LIMITED');
      const retryAfter = Number(last?.headers.get('retry-after'));
      assert.ok(retryAfter >= 1 && retryAfter <= 10, String(retryAfter));
      assert.equal(problem.retryAfterSeconds, retryAfter);
    });

    it('also when the guesses come all at once', async () => {
      const target = await seed.key(admin.accountId, ['read']);
      const guesses = await Promise.all(
        Array.from({ length: 40 }, (_, n) => withWrongSecret(target.apiKey, n)),
      );
      const statuses = await Promise.all(
        guesses.map(async (guess) => (await client(guess).fetch('/v1/keys')).status),
      );
      assert.equal(statuses.filter((status) => status === 401).length, 20);
      assert.equal(statuses.filter((status) => status === 429).length, 20);
    });

    it('never for a key that is in use, nor for the keys beside it', async () => {
      const hot = await seed.key(admin.accountId, ['read']);
      assert.equal((await hot.client.fetch('/v1/keys')).status, 200);
      for (let n = 0; n < 22; n++) await client(await withWrongSecret(hot.apiKey, n)).fetch('/v1/keys');
      assert.equal((await hot.client.fetch('/v1/keys')).status, 200);
      assert.equal((await admin.client.fetch('/v1/keys')).status, 200);
    });
  });

  describe('ok', () => {
    it('a hot key is answered while nobody can read the table of keys, a cold one waits', async () => {
      const [hot, cold] = [
        await seed.key(admin.accountId, ['read']),
        await seed.key(admin.accountId, ['read']),
      ];
      await hot.client.get(ViewerDocument, {});
      const locker = new Client({ connectionString: config.databaseUrl });
      await locker.connect();
      try {
        await locker.query('BEGIN; LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE');
        const lockedAt = performance.now();
        let coldAfterMs = 0;
        const coldAnswer = cold.client
          .get(ViewerDocument, {})
          .then(() => (coldAfterMs = performance.now() - lockedAt));
        for (let n = 0; n < 20; n++) await hot.client.get(ViewerDocument, {});
        const hotAfterMs = performance.now() - lockedAt;
        assert.ok(hotAfterMs < LOCKED_MS, `${hotAfterMs} ms`);
        await delay(LOCKED_MS - hotAfterMs);
        await locker.query('COMMIT');
        await coldAnswer;
        assert.ok(coldAfterMs >= LOCKED_MS - 10, `${coldAfterMs} ms`);
      } finally {
        await locker.end();
      }
    });

    it('many requests with one cold key are one Argon2 computation', async () => {
      const cold = await seed.key(admin.accountId, ['read']);
      const startedMs = performance.now();
      await seed.key(admin.accountId, ['read']).then((key) => key.client.get(ViewerDocument, {}));
      const oneMs = performance.now() - startedMs;
      const burstStartedMs = performance.now();
      await Promise.all(Array.from({ length: 40 }, () => cold.client.get(ViewerDocument, {})));
      const burstMs = performance.now() - burstStartedMs;
      // Forty computations would take at least ten times as long as one on any number of cores up to four.
      assert.ok(burstMs < oneMs * 10, `${burstMs} ms, one key takes ${oneMs} ms`);
    });

    it('the last use is written', async () => {
      const used = await seed.key(admin.accountId, ['read']);
      const beforeMs = Date.now();
      await used.client.get(ViewerDocument, {});
      await waitUntil('last use', 7_000, async () => {
        const { viewer } = await admin.client.get(ApiKeysDocument, { first: 100 });
        const { lastUsedAt } =
          viewer.apiKeys.edges.find(({ node }) => node.prefix === used.keyPrefix)?.node ?? {};
        return lastUsedAt != null && new Date(lastUsedAt).getTime() >= beforeMs;
      });
    });
  });
});

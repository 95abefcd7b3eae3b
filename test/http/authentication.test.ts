import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { Client } from 'pg';
import { startHarness } from '../support/harness.js';
import { ApiKeysDocument, RevokeApiKeyDocument, ViewerDocument } from '../support/gql/graphql.js';
import { waitUntil } from '../support/wait.js';

const LOCKED_MS = 1_000;
const ARGON2_LEAST_MS = 20;

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
  const { seed, client, config, app } = await startHarness({ roles: ['api'] });
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

  describe('wrong secrets', () => {
    it('however many come at once, each gets the plain refusal, and the owner still comes in', async () => {
      const owner = await seed.key(admin.accountId, ['read']);
      const guesses = await Promise.all(
        Array.from({ length: 60 }, (_, n) => withWrongSecret(owner.apiKey, n)),
      );
      const answers = guesses.map(async (guess) => {
        const response = await client(guess).fetch('/v1/keys');
        return { status: response.status, code: ((await response.json()) as { code: string }).code };
      });
      const [owned, ...refused] = await Promise.all([owner.client.fetch('/v1/keys'), ...answers]);
      assert.equal(owned.status, 200);
      for (const answer of refused) assert.deepEqual(answer, { status: 401, code: 'UNAUTHENTICATED' });
    });

    it('take as long as an unknown prefix, which is no Argon2', async () => {
      const owner = await seed.key(admin.accountId, ['read']);
      const stranger = `spell_0000000000_${owner.apiKey.slice(-34)}`;
      const times: Record<'wrong' | 'unknown', number[]> = { wrong: [], unknown: [] };
      for (let n = 0; n < 50; n++) {
        for (const [what, key] of [
          ['wrong', owner.apiKey],
          ['unknown', stranger],
        ] as const) {
          const guess = client(await withWrongSecret(key, n));
          const startedMs = performance.now();
          assert.equal((await guess.fetch('/v1/keys')).status, 401);
          times[what].push(performance.now() - startedMs);
        }
      }
      const median = (all: number[]) => all.toSorted((a, b) => a - b)[all.length / 2] ?? 0;
      const differenceMs = Math.abs(median(times.wrong) - median(times.unknown));
      // One Argon2 computation takes 25 ms and more.
      assert.ok(differenceMs < ARGON2_LEAST_MS / 2, `${differenceMs} ms`);
    });

    for (const [what, digest] of [
      ['from before there were digests', null],
      ['with the digest of another platform key', Buffer.alloc(36, 1)],
    ] as const) {
      it(`a key ${what} works, and has a digest once it was used`, async () => {
        const owner = await seed.key(admin.accountId, ['read']);
        const find = async () =>
          (
            await app.database.query<{ secret_digest: Buffer | null }[]>(
              'SELECT secret_digest FROM api_keys WHERE prefix = $1',
              [owner.keyPrefix],
            )
          )[0]?.secret_digest;
        const issued = await find();
        const change = 'UPDATE api_keys SET secret_digest = $2 WHERE prefix = $1';
        await app.database.query(change, [owner.keyPrefix, digest]);
        assert.equal((await client(await withWrongSecret(owner.apiKey, 1)).fetch('/v1/keys')).status, 401);
        assert.equal((await owner.client.fetch('/v1/keys')).status, 200);
        assert.deepEqual(await find(), issued);
      });
    }
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

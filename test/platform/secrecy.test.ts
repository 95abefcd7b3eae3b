import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import { ApiClient } from '../support/client.js';
import {
  ApiKeysDocument,
  CastDocument,
  CreateApiKeyDocument,
  RevokeApiKeyDocument,
  RotateApiKeyDocument,
  ViewerDocument,
} from '../support/gql/graphql.js';
import { RawSocket } from '../graphql/raw-socket.js';
import { startProcess } from './output-of.js';

describe('secrets of API keys', async () => {
  const { seed, app, environment } = await startHarness({ roles: ['api'] });
  const api = startProcess('api', { ...environment, SPELL_LOG_LEVEL: 'trace' });
  const admin = await seed.account(['admin']);
  const client = new ApiClient(await api.ready, admin.apiKey);
  const keys = [admin.apiKey];

  // Everything that is done with keys, right and wrong.
  const created = await client.get(CreateApiKeyDocument, {
    input: { name: 'a', scopes: ['cast', 'read', 'admin'] },
  });
  keys.push(created.createApiKey.secret);
  const rest = await client.fetch('/v1/keys', {
    method: 'POST',
    body: JSON.stringify({ name: 'b', scopes: ['read'] }),
  });
  keys.push(((await rest.json()) as { secret: string }).secret);
  const rotated = await client.get(RotateApiKeyDocument, {
    input: { prefix: created.createApiKey.apiKey.prefix },
  });
  keys.push(rotated.rotateApiKey.secret);
  for (const key of [...keys]) {
    const user = new ApiClient(client.url, key);
    await user.get(ViewerDocument, {});
    await user.ask(ApiKeysDocument, {});
    await user.ask(CastDocument, { input: { spell: 'com.example.none', input: 'x' } });
    await user.fetch('/v1/keys', { method: 'POST', body: '{' });
    await new ApiClient(client.url, key.slice(0, -1)).ask(ViewerDocument, {});
    const socket = await RawSocket.authenticated(client.url, key);
    socket.subscribe('1', '{ viewer { id } }');
    await socket.message(({ type }) => type === 'complete');
    await socket.close();
  }
  await client.get(RevokeApiKeyDocument, { input: { prefix: rotated.rotateApiKey.apiKey.prefix } });
  // An internal error logs its cause with everything that hangs on it.
  await app.database.query('ALTER TABLE api_keys RENAME COLUMN name TO name_away');
  await client.ask(CreateApiKeyDocument, { input: { name: 'c', scopes: ['read'] } });
  await app.database.query('ALTER TABLE api_keys RENAME COLUMN name_away TO name');

  // The prefix is public; what follows it is not. Half of it would be half a secret.
  const secrets = keys.map((key) => key.split('_')[2] ?? '').map((secret) => secret.slice(0, 14));

  it('are Argon2id hashes in the database, each with a salt of its own', async () => {
    const rows = await app.database.query<{ secret_hash: string }[]>('SELECT secret_hash FROM api_keys');
    assert.equal(rows.length, keys.length);
    const salts = new Set<string>();
    for (const { secret_hash: hash } of rows) {
      const [, memory, passes, salt, tag] =
        /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/.exec(hash) ?? [];
      assert.ok(salt && tag, hash);
      // OWASP's least: 19 MiB and two passes.
      assert.ok(Number(memory) >= 19_456 && Number(passes) >= 2, hash);
      salts.add(salt);
    }
    assert.equal(salts.size, rows.length);
  });

  it('stand in no row of any table', async () => {
    const tables = await app.database.query<{ name: string }[]>(
      `SELECT quote_ident(relname) AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`,
    );
    assert.ok(tables.length >= 5);
    for (const { name } of tables) {
      const rows = await app.database.query<{ text: string }[]>(`SELECT t::text AS text FROM ${name} AS t`);
      const text = rows.map((row) => row.text).join('\n');
      if (name === 'api_keys') assert.match(text, /argon2id/);
      for (const secret of secrets) assert.ok(!text.includes(secret), name);
    }
  });

  it('stand in no line of a log, not even at the level trace', () => {
    const { stdout, stderr } = api.said();
    assert.match(stdout, /"operation":"createApiKey"/);
    assert.match(stdout, /graphql operation failed/);
    for (const secret of secrets) {
      assert.ok(
        !stdout.includes(secret),
        stdout.split('\n').find((line) => line.includes(secret)),
      );
      assert.ok(!stderr.includes(secret));
    }
    assert.doesNotMatch(stdout, /\$argon2id/, 'nor do their hashes');
  });
});

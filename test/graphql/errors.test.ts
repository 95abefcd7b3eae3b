import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import { ApiClient } from '../support/client.js';
import { CastDocument, NodeDocument, SpellDocument, ViewerDocument } from '../support/gql/graphql.js';
import { spawnProcess } from '../support/processes.js';
import { RawSocket } from './raw-socket.js';
import { TRANSPORTS, openSse } from './transports.js';
import { waitUntil } from '../support/wait.js';

const SQL_WORDS = /relation|select |casts_away|\\"casts|does not exist|QueryFailed/i;
const CAST_EVENTS = 'subscription ($id: ID!) { castEvents(castId: $id) { cursor } }';

interface LogLine {
  level: string;
  requestId?: string;
  err?: { message?: string };
  msg?: string;
}

describe('errors of GraphQL', async () => {
  const { seed, app, environment } = await startHarness({ roles: ['api'] });
  const api = await spawnProcess('api', environment);
  const said: string[] = [];
  for (const stream of [api.child.stdout, api.child.stderr])
    stream?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  const account = await seed.account(['admin']);
  const client = new ApiClient(api.url, account.apiKey);
  const spell = await seed.spell(account, { guest: 'echo' });
  // Nobody runs casts here, so it stays queued.
  const { cast } = await account.client.get(CastDocument, { input: { spell, input: 'x' } });
  const castId = cast.cast.id;
  await client.get(ViewerDocument, {});

  const logLines = (): LogLine[] =>
    said
      .join('')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine);

  /** While casts cannot be read, as a defect of ours would make it. */
  async function whileBroken(work: () => Promise<void>): Promise<void> {
    await app.database.query('ALTER TABLE casts RENAME TO casts_away');
    try {
      await work();
    } finally {
      await app.database.query('ALTER TABLE casts_away RENAME TO casts');
    }
  }

  describe('internal', () => {
    for (const transport of TRANSPORTS) {
      it(`over ${transport.name}: one word to the caller, the cause and the same request id to the log`, async () => {
        await whileBroken(async () => {
          for (const [query, variables] of [
            ['query ($id: ID!) { cast(id: $id) { id } }', { id: castId }],
            [CAST_EVENTS, { id: castId }],
          ] as const) {
            if (transport.name === 'HTTP' && query === CAST_EVENTS) continue;
            const { errors } = await transport.refusal(client, query, variables);
            assert.equal(errors.length, 1, query);
            assert.equal(errors[0]?.extensions.code, 'INTERNAL');
            assert.doesNotMatch(JSON.stringify(errors), SQL_WORDS);
            const { requestId } = errors[0].extensions;
            assert.equal(typeof requestId, 'string', JSON.stringify(errors));
            await waitUntil('the log line', 2_000, () =>
              Promise.resolve(
                logLines().some(
                  (line) =>
                    line.requestId === requestId &&
                    line.level === 'error' &&
                    /casts/.test(JSON.stringify(line.err)),
                ),
              ),
            );
          }
        });
      });
    }

    it('over REST: a problem with the same request id', async () => {
      await whileBroken(async () => {
        const response = await client.fetch(`/v1/casts/${castId}`);
        const text = await response.text();
        assert.equal(response.status, 500);
        assert.doesNotMatch(text, SQL_WORDS);
        const { code, requestId } = JSON.parse(text) as { code: string; requestId: string };
        assert.equal(code, 'INTERNAL');
        assert.equal(requestId, response.headers.get('x-request-id'));
        await waitUntil('the log line', 2_000, () =>
          Promise.resolve(
            logLines().some((line) => line.requestId === requestId && /casts/.test(JSON.stringify(line.err))),
          ),
        );
      });
    });

    it('in the middle of a stream over WebSocket: the same, and the socket goes on', async () => {
      const socket = await RawSocket.authenticated(api.url, account.apiKey);
      socket.subscribe('1', CAST_EVENTS, { id: castId });
      await socket.message(({ type }) => type === 'next');
      await whileBroken(async () => {
        const { payload } = await socket.message(({ type, id }) => type === 'error' && id === '1');
        const [error] = payload as { extensions: { code: string; requestId: string | null } }[];
        assert.equal(error?.extensions.code, 'INTERNAL');
        assert.doesNotMatch(JSON.stringify(payload), SQL_WORDS);
        assert.equal(typeof error.extensions.requestId, 'string');
      });
      socket.subscribe('2', '{ viewer { id } }');
      await socket.message(({ type, id }) => type === 'next' && id === '2');
      await socket.close();
    });

    it('in the middle of a stream over SSE: the stream ends and the server goes on', async () => {
      const response = await openSse(client, CAST_EVENTS, { id: castId });
      const reader = response.body?.getReader();
      assert.ok(reader);
      const text: string[] = [];
      const decoder = new TextDecoder();
      text.push(decoder.decode((await reader.read()).value));
      await whileBroken(async () => {
        for (;;) {
          const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
          if (done) break;
          text.push(decoder.decode(value));
        }
      });
      assert.doesNotMatch(text.join(''), SQL_WORDS);
      await client.get(ViewerDocument, {});
    });

    it('when the key of a socket cannot be checked: nothing of the cause in the reason', async () => {
      const cold = await seed.key(account.accountId, ['read']);
      await app.database.query('ALTER TABLE api_keys RENAME TO api_keys_away');
      try {
        const socket = await RawSocket.open(api.url);
        socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${cold.apiKey}` } });
        const { reason } = await socket.closed;
        assert.doesNotMatch(reason, /relation|exist|api_keys/);
      } finally {
        await app.database.query('ALTER TABLE api_keys_away RENAME TO api_keys');
      }
    });
  });

  describe('the request id', () => {
    it('of an error is that of the header', async () => {
      for (const query of ['{ viewer { id } }', '{ nothing }', '{ a', `{ ${'a '.repeat(5_000)} }`]) {
        const response = await new ApiClient(api.url, null).fetch('/graphql', {
          method: 'POST',
          body: JSON.stringify({ query }),
        });
        const { errors } = (await response.json()) as { errors: { extensions: { requestId: string } }[] };
        const header = response.headers.get('x-request-id');
        assert.match(header ?? '', /^[0-9a-f-]{36}$/);
        for (const error of errors) assert.equal(error.extensions.requestId, header, query.slice(0, 40));
      }
    });

    it('of an answer without errors is in the header and in the log line of the operation', async () => {
      const response = await client.fetch('/graphql', {
        method: 'POST',
        body: JSON.stringify({ query: '{ viewer { id } }' }),
      });
      const requestId = response.headers.get('x-request-id');
      await response.text();
      await waitUntil('the log lines', 2_000, () => {
        const about = logLines()
          .filter((line) => line.requestId === requestId)
          .map((line) => line.msg);
        return Promise.resolve(about.includes('graphql operation') && about.includes('http request'));
      });
    });

    for (const transport of TRANSPORTS) {
      it(`over ${transport.name} every operation has its own`, async () => {
        const ids = new Set<unknown>();
        for (const query of [
          '{ nothing }',
          '{ nothing }',
          CAST_EVENTS.replace('$id: ID!', '').replace(' ()', '').replace('$id', '"none"'),
        ]) {
          const { errors } = await transport.refusal(client, query);
          assert.ok(errors.length > 0, query);
          for (const { extensions } of errors) {
            assert.equal(typeof extensions.requestId, 'string', `${query}: ${JSON.stringify(errors)}`);
            ids.add(extensions.requestId);
          }
        }
        assert.equal(ids.size, 3);
      });
    }
  });

  describe('the request', () => {
    it('not found: a cast of another account, in every transport that streams', async () => {
      const stranger = new ApiClient(api.url, (await seed.account(['admin'])).apiKey);
      for (const transport of TRANSPORTS.filter(({ name }) => name !== 'HTTP')) {
        for (const id of [castId, '01a20264-2b80-74e4-be9c-9f6d49d49f2f', 'nonsense']) {
          const { errors } = await transport.refusal(stranger, CAST_EVENTS, { id });
          assert.equal(errors[0]?.extensions.code, 'NOT_FOUND', transport.name);
        }
      }
    });

    it('bad input: a persisted query, of which there are none here, with the status of a refusal', async () => {
      const extensions = { persistedQuery: { version: 1, sha256Hash: '0'.repeat(64) } };
      const address = `/graphql?extensions=${encodeURIComponent(JSON.stringify(extensions))}`;
      for (const response of [
        await client.fetch('/graphql', { method: 'POST', body: JSON.stringify({ extensions }) }),
        await client.fetch(address, { headers: { 'apollo-require-preflight': 'yes' } }),
      ]) {
        assert.equal(response.status, 400);
        const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
        assert.equal(errors[0]?.extensions.code, 'BAD_USER_INPUT');
      }
    });

    it('text that PostgreSQL cannot hold is the caller’s mistake', async () => {
      const refused = await client.refusal(SpellDocument, { key: 'a\u0000b' });
      assert.equal(refused.extensions.code, 'BAD_USER_INPUT');
      assert.equal((await client.get(NodeDocument, { id: '\u0000' })).node, null);
      const { errors } = await client.askText(
        'query ($s: String) { spells(search: $s, tag: $s) { edges { cursor } } }',
        { s: '\u0000' },
      );
      assert.notEqual(errors[0]?.extensions.code, 'INTERNAL');
    });

    it('an error says where in the answer it belongs', async () => {
      const narrow = new ApiClient(api.url, (await seed.key(account.accountId, ['cast'])).apiKey);
      const { status, data, errors } = await narrow.askText(
        '{ viewer { login apiKeys { edges { cursor } } } }',
      );
      assert.equal(status, 200);
      assert.equal(data, null);
      assert.deepEqual(errors[0]?.path, ['viewer', 'apiKeys']);
      assert.deepEqual(errors[0].extensions['requiredScopes'], ['read']);
    });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import { CastDocument } from '../support/gql/graphql.js';
import { readMetrics, valueOf } from '../http/metrics-text.js';
import { RawSocket, closeCode } from './raw-socket.js';
import { waitUntil } from '../support/wait.js';

const FRIEND = 'https://app.example.com';
const SOON_MS = 2_000;

describe('GraphQL over WebSocket', async () => {
  const { seed, app, client } = await startHarness({
    roles: ['api'],
    environment: { SPELL_ALLOWED_ORIGINS: FRIEND },
  });
  const account = await seed.account(['admin']);
  const spell = await seed.spell(account, { guest: 'echo' });
  // Nobody runs casts here, so a subscription stays open.
  const { cast } = await account.client.get(CastDocument, { input: { spell, input: 'x' } });
  const watch = `subscription { castEvents(castId: "${cast.cast.id}") { cursor } }`;
  const init = (payload?: object) => ({ type: 'connection_init', payload });
  const metric = async (name: string) =>
    valueOf(readMetrics(await (await client().fetch('/metrics')).text()).samples, name);
  const opens = async (options: { path?: string; origin?: string; protocol?: string }) => {
    const socket = await RawSocket.open(app.url, options);
    socket.send(init({ authorization: `Bearer ${account.apiKey}` }));
    await socket.message(({ type }) => type === 'connection_ack');
    await socket.close();
  };

  // First, while nothing else has been open.
  describe('leaves nothing behind', () => {
    it('when a client ends its subscription', async () => {
      const socket = await RawSocket.authenticated(app.url, account.apiKey);
      socket.subscribe('1', watch);
      await socket.message(({ type }) => type === 'next');
      await waitUntil('a watcher', SOON_MS, async () => (await metric('spell_cast_watchers')) === 1);
      socket.send({ id: '1', type: 'complete' });
      await waitUntil('no watcher', SOON_MS, async () => (await metric('spell_cast_watchers')) === 0);
      await socket.close();
    });

    it('when a client vanishes', async () => {
      const socket = await RawSocket.authenticated(app.url, account.apiKey);
      socket.subscribe('1', watch);
      await socket.message(({ type }) => type === 'next');
      assert.equal(await metric('spell_graphql_sockets'), 1);
      await socket.drop();
      await waitUntil(
        'the socket is gone',
        SOON_MS,
        async () => (await metric('spell_graphql_sockets')) === 0,
      );
      await waitUntil(
        'the watcher is gone',
        SOON_MS,
        async () => (await metric('spell_cast_watchers')) === 0,
      );
    });
  });

  describe('closes with', () => {
    const expired = seed.key(account.accountId, ['admin'], new Date(Date.now() - 1_000));
    for (const [what, payload] of Object.entries<() => Promise<object | undefined>>({
      'no payload': async () => undefined,
      'no authorization': async () => ({}),
      'a wrong key': async () => ({ authorization: 'Bearer nonsense' }),
      'an expired key': async () => ({ authorization: `Bearer ${(await expired).apiKey}` }),
      'a key that is not a bearer token': async () => ({ authorization: account.apiKey }),
      'an authorization that is no text': async () => ({ authorization: { token: account.apiKey } }),
      'headers that are no object': async () => ({ headers: 'x' }),
    })) {
      it(`4403: connection_init with ${what}`, async () => {
        const socket = await RawSocket.open(app.url);
        socket.send(init(await payload()));
        assert.equal(await closeCode(socket, SOON_MS), 4403);
        assert.deepEqual(socket.messages, []);
      });
    }

    it('4401: an operation before connection_init', async () => {
      const socket = await RawSocket.open(app.url);
      socket.subscribe('1', '{ __typename }');
      assert.equal(await closeCode(socket, SOON_MS), 4401);
    });

    it('4401: an operation before connection_init was acknowledged', async () => {
      const socket = await RawSocket.open(app.url);
      socket.send(init({ authorization: `Bearer ${(await seed.key(account.accountId, ['admin'])).apiKey}` }));
      socket.subscribe('1', '{ __typename }');
      assert.equal(await closeCode(socket, SOON_MS), 4401);
    });

    it('4429: a second connection_init', async () => {
      const socket = await RawSocket.authenticated(app.url, account.apiKey);
      socket.send(init({ authorization: `Bearer ${account.apiKey}` }));
      assert.equal(await closeCode(socket, SOON_MS), 4429);
    });

    it('4408: no connection_init within 3 seconds', async () => {
      const startedMs = performance.now();
      const socket = await RawSocket.open(app.url);
      assert.equal(await closeCode(socket, 4_000), 4408);
      assert.ok(performance.now() - startedMs > 2_900);
    });

    for (const [what, message] of Object.entries<string | object>({
      'no JSON': '{',
      'no object': '[]',
      'no type': {},
      'a type that does not exist': { type: 'start' },
      'an operation without an id': { type: 'subscribe', payload: { query: '{ __typename }' } },
      'an operation without a query': { type: 'subscribe', id: '1', payload: {} },
      'variables that are no object': {
        type: 'subscribe',
        id: '1',
        payload: { query: '{ __typename }', variables: 'x' },
      },
    })) {
      it(`4400: a message that is ${what}`, async () => {
        const socket = await RawSocket.authenticated(app.url, account.apiKey);
        socket.send(message);
        assert.equal(await closeCode(socket, SOON_MS), 4400);
      });
    }

    it('4409: an operation id that is in use', async () => {
      const socket = await RawSocket.authenticated(app.url, account.apiKey);
      socket.subscribe('1', watch);
      await socket.message(({ type, id }) => type === 'next' && id === '1');
      socket.subscribe('1', watch);
      assert.equal(await closeCode(socket, SOON_MS), 4409);
    });

    it('4406: a protocol of another kind', async () => {
      const socket = await RawSocket.open(app.url, { protocol: 'graphql-ws' }).catch(
        (error: { status: number }) => error,
      );
      if (socket instanceof RawSocket) assert.equal(await closeCode(socket, SOON_MS), 4406);
      else assert.ok(socket.status === 0 || socket.status === 400);
    });

    it('1009: a message of more than a megabyte', async () => {
      const socket = await RawSocket.authenticated(app.url, account.apiKey);
      socket.send({ type: 'ping', payload: { filler: 'x'.repeat(1024 * 1024) } });
      const { code } = await socket.closed;
      assert.equal(code, 1009);
    });
  });

  describe('refuses the upgrade', () => {
    for (const origin of [
      'https://evil.example.com',
      'http://app.example.com',
      `${FRIEND}.evil.com`,
      'null',
      'nonsense',
    ]) {
      it(`from the origin ${origin}`, async () => {
        await assert.rejects(RawSocket.open(app.url, { origin }), { status: 403 });
      });
    }

    for (const path of ['/', '/v1/keys', '/graphql/', '/graphqlx', '/GRAPHQL']) {
      it(`on ${path}`, async () => {
        await assert.rejects(
          RawSocket.open(app.url, { path }),
          (error: { status: number }) => error.status === 0 || error.status === 404,
        );
      });
    }
  });

  describe('accepts', () => {
    it('a listed origin, the API’s own, and none', async () => {
      await opens({ origin: FRIEND });
      await opens({ origin: app.url });
      await opens({});
    });

    it('a path with a query', () => opens({ path: '/graphql?from=test' }));

    it('the key among headers, as some tools send it', async () => {
      const socket = await RawSocket.open(app.url);
      socket.send(init({ headers: { Authorization: `Bearer ${account.apiKey}` } }));
      await socket.message(({ type }) => type === 'connection_ack');
      await socket.close();
    });

    it('queries and mutations as well', async () => {
      const socket = await RawSocket.authenticated(app.url, account.apiKey);
      socket.subscribe('1', '{ viewer { id } }');
      const { payload } = await socket.message(({ type }) => type === 'next');
      assert.deepEqual(payload, { data: { viewer: { id: account.accountId } } });
      await socket.message(({ type, id }) => type === 'complete' && id === '1');
      await socket.close();
    });

    it('200 operations on one socket and not one more', async () => {
      const socket = await RawSocket.authenticated(app.url, account.apiKey);
      for (let n = 1; n <= 201; n++) socket.subscribe(String(n), watch);
      const { payload } = await socket.message(({ type, id }) => type === 'error' && id === '201');
      assert.equal((payload as { extensions: { code: string } }[])[0]?.extensions.code, 'BAD_USER_INPUT');
      await waitUntil('200 first events', 5_000, () =>
        Promise.resolve(socket.messages.filter(({ type }) => type === 'next').length === 200),
      );
      assert.equal(socket.messages.filter(({ type }) => type === 'error').length, 1);
      await socket.drop();
    });
  });
});

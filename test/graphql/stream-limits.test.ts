import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import { closeCode, RawSocket } from './raw-socket.js';
import { openSse } from './transports.js';
import { waitUntil } from '../support/wait.js';

const PER_SOCKET = 200;
const OPERATIONS_PER_ACCOUNT = 1_000;
const SOCKETS_PER_ACCOUNT = 500;
const WATCH = 'subscription { budgetAlerts { alertId } }';

const isRefused = (socket: RawSocket, id: string) =>
  socket.messages.find((message) => message.id === id && message.type === 'error');

describe('the limits of streams', () => {
  it('one account has a thousand operations open, and others are not held up', async () => {
    const { seed, app } = await startHarness({ roles: ['api'] });
    const [greedy, other] = [await seed.account(), await seed.account()];
    const sockets: RawSocket[] = [];
    for (let opened = 0; opened < OPERATIONS_PER_ACCOUNT; opened += PER_SOCKET) {
      const socket = await RawSocket.authenticated(app.url, greedy.apiKey);
      for (let n = 0; n < PER_SOCKET; n++) socket.subscribe(`${n}`, WATCH);
      sockets.push(socket);
    }
    const last = await RawSocket.authenticated(app.url, greedy.apiKey);
    last.subscribe('more', WATCH);
    const { payload } = await last.message(({ type }) => type === 'error');
    assert.equal((payload as { extensions: { code: string } }[])[0]?.extensions.code, 'RATE_LIMITED');
    assert.ok(sockets.every((socket) => socket.messages.every(({ type }) => type === 'connection_ack')));

    const stream = await openSse(greedy.client, WATCH);
    assert.equal(stream.status, 429);
    assert.ok(Number(stream.headers.get('retry-after')) >= 1);
    await stream.body?.cancel();
    const others = await openSse(other.client, WATCH);
    assert.equal(others.status, 200);
    await others.body?.cancel();

    // One that ends makes room for one, a socket that closes for all it carried.
    sockets[0]?.send({ id: '0', type: 'complete' });
    await waitUntil('room', 5_000, async () => {
      const id = `again-${last.messages.length}`;
      last.subscribe(id, '{ viewer { id } }');
      await last.message((message) => message.id === id);
      return isRefused(last, id) === undefined;
    });
    await sockets[1]?.drop();
    const streams = await Promise.all(Array.from({ length: 50 }, () => openSse(greedy.client, WATCH)));
    assert.deepEqual([...new Set(streams.map(({ status }) => status))], [200]);
    for (const { body } of streams) await body?.cancel();
  });

  it('one account has five hundred sockets; one more is closed with 4429', async () => {
    const { seed, app } = await startHarness({ roles: ['api'] });
    const account = await seed.account();
    const sockets = await Promise.all(
      Array.from({ length: SOCKETS_PER_ACCOUNT }, () => RawSocket.authenticated(app.url, account.apiKey)),
    );
    const open = async () => {
      const socket = await RawSocket.open(app.url);
      socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${account.apiKey}` } });
      return socket;
    };
    assert.equal(await closeCode(await open(), 5_000), 4429);
    await sockets[0]?.close();
    const again = await open();
    await again.message(({ type }) => type === 'connection_ack');
  });

  it('one process has so many connections, and requests get in when all sockets are taken', async () => {
    const { seed, app, client } = await startHarness({
      roles: ['api'],
      environment: { SPELL_CONNECTIONS_MAX: '40' },
    });
    const account = await seed.account();
    const sockets: RawSocket[] = [];
    for (let n = 0; n < 36; n++) sockets.push(await RawSocket.open(app.url));
    await assert.rejects(RawSocket.open(app.url), { status: 503 });
    const stream = await openSse(account.client, WATCH);
    assert.equal(stream.status, 503);
    await stream.body?.cancel();
    assert.equal((await client().fetch('/healthz')).status, 200);
    await sockets[0]?.close();
    await waitUntil('room', 5_000, () =>
      RawSocket.open(app.url).then(
        () => true,
        () => false,
      ),
    );
  });
});

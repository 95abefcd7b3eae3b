import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer, type WebSocket } from 'ws';
import { sendTogether } from '../../src/graphql/send-together.js';

const MESSAGE = 'm'.repeat(16 * 1024);
// Much more than the system keeps of a connection for both sides together.
const MESSAGES = 2_000;
const UNREAD_BYTES_MAX = 64 * 1024;
const FRAME_BYTES_MAX = MESSAGE.length + 14;

describe('messages to a socket', () => {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  before(async () => {
    await once(http.listen(0, '127.0.0.1'), 'listening');
  });
  after(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.close();
  });

  const open = async (): Promise<{ server: WebSocket; client: Socket }> => {
    const connected = once(sockets, 'connection') as Promise<[WebSocket, IncomingMessage]>;
    const client = connect((http.address() as AddressInfo).port, '127.0.0.1');
    client.write(
      `GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n\r\n`,
    );
    const [[server, request]] = await Promise.all([connected, once(client, 'data')]);
    sendTogether(server, request.socket);
    return { server, client };
  };
  const send = (socket: WebSocket, text: string) =>
    new Promise<void>((resolve, reject) => socket.send(text, (error) => (error ? reject(error) : resolve())));

  it('leave together, also those that wait until the one before is sent', async () => {
    const { server, client } = await open();
    const arrived = once(client, 'data') as Promise<[Buffer]>;
    for (const text of ['one', 'two', 'three']) await send(server, text);
    const [bytes] = await arrived;
    assert.equal(bytes.toString('latin1'), '\x81\x03one\x81\x03two\x81\x05three');
  });

  it('wait for a client that does not read, and none is lost when it does', async () => {
    const { server, client } = await open();
    client.pause();
    let sent = 0;
    const sending = (async () => {
      for (; sent < MESSAGES; sent++) await send(server, MESSAGE);
    })();
    let before: number;
    do {
      before = sent;
      await delay(100);
      assert.ok(
        server.bufferedAmount <= UNREAD_BYTES_MAX + 2 * FRAME_BYTES_MAX,
        `${server.bufferedAmount} bytes`,
      );
    } while (sent > before);
    assert.ok(sent < MESSAGES, 'all were sent to nobody');
    let receivedBytes = 0;
    client.on('data', (bytes) => (receivedBytes += bytes.length)).resume();
    await sending;
    while (server.bufferedAmount > 0) await delay(10);
    const ended = once(client, 'end');
    server.close();
    client.end();
    await ended;
    // Each frame of 16 KiB has four bytes before it, and the last one says goodbye.
    assert.equal(receivedBytes, MESSAGES * (MESSAGE.length + 4) + 2);
  });
});

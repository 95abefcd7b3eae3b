import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import { spawnProcess } from '../support/processes.js';

const TRIES = 60;

describe('an upgrade that is refused', async () => {
  const { environment } = await startHarness({ roles: ['worker'] });
  const api = await spawnProcess('api', environment);
  const { port } = new URL(api.url);

  it('does not end the process when the client is gone before the answer', async () => {
    for (let i = 0; i < TRIES; i++) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      const path = i % 2 === 0 ? '/graphql' : '/elsewhere';
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nConnection: Upgrade\r\n` +
          'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
      );
      socket.resetAndDestroy();
    }
    const response = await fetch(`${api.url}/healthz`);
    assert.equal(response.status, 200);
    assert.equal(api.child.exitCode, null);
  });
});

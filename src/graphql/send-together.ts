import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

// What a client that does not read keeps in memory, and one message of each operation on top. It is far more than the
// messages of one turn, so that nobody who reads is waited for.
const UNREAD_BYTES_MAX = 64 * 1024;

type Sent = (error?: Error) => void;

/**
 * Messages of the same turn of the event loop leave in one write: a page of events is one system call. graphql-ws sends the next
 * message of an operation when the last one is sent, which would be a turn and a write for each, so they count as sent
 * while little is unread.
 */
export function sendTogether(socket: WebSocket, wire: Duplex): void {
  const send = socket.send.bind(socket) as (data: string, onSent: Sent) => void;
  let isCorked = false;
  const cork = () => {
    if (isCorked) return;
    isCorked = true;
    wire.cork();
    setImmediate(() => {
      isCorked = false;
      wire.uncork();
    });
  };
  const sendCorked = (data: string, onSent: Sent) => {
    cork();
    if (socket.bufferedAmount > UNREAD_BYTES_MAX) return send(data, onSent);
    // What is lost with the socket is nobody's to handle: its close ends the operations.
    send(data, () => undefined);
    onSent();
  };
  socket.send = sendCorked as typeof socket.send;
}

import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** Messages of the same turn of the event loop leave in one write: a page of events is one system call. */
export function sendTogether(socket: WebSocket, wire: Duplex): void {
  const send = socket.send.bind(socket) as (...args: unknown[]) => void;
  let isCorked = false;
  const sendCorked = (...args: unknown[]) => {
    if (!isCorked) {
      isCorked = true;
      wire.cork();
      setImmediate(() => {
        isCorked = false;
        wire.uncork();
      });
    }
    send(...args);
  };
  socket.send = sendCorked as typeof socket.send;
}

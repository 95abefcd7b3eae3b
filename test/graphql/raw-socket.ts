import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { after } from 'node:test';
import WebSocket from 'ws';

export interface SocketMessage {
  id?: string;
  type: string;
  payload?: unknown;
}

interface OpenOptions {
  path?: string;
  origin?: string;
  protocol?: string;
}

/** A WebSocket without a client library, for saying what a well-behaved client never says. */
export class RawSocket {
  readonly messages: SocketMessage[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  #wake: () => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      this.messages.push(JSON.parse(data.toString()) as SocketMessage);
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', (code: number, reason: Buffer) => {
        resolve({ code, reason: reason.toString() });
        this.#wake();
      });
    });
  }

  /** Rejects with `{status}` when the server answers the upgrade with anything but 101, 0 when it only hangs up. */
  static async open(url: string, options: OpenOptions = {}): Promise<RawSocket> {
    const address = `${url.replace(/^http/, 'ws')}${options.path ?? '/graphql'}`;
    const socket = new WebSocket(address, options.protocol ?? 'graphql-transport-ws', {
      ...(options.origin === undefined ? {} : { origin: options.origin }),
    });
    socket.on('error', () => undefined);
    const raw = new RawSocket(socket);
    // A test that fails half-way must not leave a socket that keeps the server from stopping.
    after(() => raw.drop());
    await new Promise<void>((resolve, reject) => {
      const refuse = (status: number) =>
        reject(Object.assign(new Error(`refused with ${status}`), { status }));
      socket.once('open', () => resolve());
      socket.once('unexpected-response', (_request, response: IncomingMessage) => {
        socket.terminate();
        refuse(response.statusCode ?? 0);
      });
      socket.once('error', () => refuse(0));
    });
    return raw;
  }

  /** Opened and acknowledged with this key. */
  static async authenticated(url: string, apiKey: string): Promise<RawSocket> {
    const socket = await RawSocket.open(url);
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${apiKey}` } });
    await socket.message((message) => message.type === 'connection_ack');
    return socket;
  }

  send(message: object | string): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  subscribe(id: string, query: string, variables: object = {}): void {
    this.send({ id, type: 'subscribe', payload: { query, variables } });
  }

  /** The first message, past or to come, that matches; rejects when the socket closes before. */
  async message(matches: (message: SocketMessage) => boolean): Promise<SocketMessage> {
    for (;;) {
      const found = this.messages.find(matches);
      if (found !== undefined) return found;
      if (this.#socket.readyState === WebSocket.CLOSED) {
        throw new Error(
          `closed with ${JSON.stringify(await this.closed)} after ${JSON.stringify(this.messages)}`,
        );
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Hangs up without a closing handshake. */
  async drop(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.terminate();
    await this.closed;
  }

  async close(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.close(1000);
    await once(this.#socket, 'close');
  }
}

/** The code with which the server closes, or a failure when it has not within the time. */
export async function closeCode(socket: RawSocket, withinMs: number): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still open after ${withinMs} ms`)), withinMs);
  });
  try {
    return (await Promise.race([socket.closed, late])).code;
  } finally {
    clearTimeout(timer);
  }
}

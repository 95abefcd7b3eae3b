import { once } from 'node:events';
import WebSocket from 'ws';

/** graphql-transport-ws with nothing but what a bench needs: the last answer of an operation. */
export class SocketClient {
  readonly #socket: WebSocket;
  readonly #open = new Map<string, { last: unknown; resolve(last: unknown): void }>();
  #operations = 0;

  private constructor(url: string) {
    this.#socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false });
  }

  static async open(url: string, apiKey: string): Promise<SocketClient> {
    const client = new SocketClient(url);
    await once(client.#socket, 'open');
    const acknowledged = once(client.#socket, 'message');
    client.#send({ type: 'connection_init', payload: { authorization: `Bearer ${apiKey}` } });
    await acknowledged;
    client.#socket.on('message', (data: Buffer) => client.#receive(data.toString()));
    client.#socket.on('close', (code) => {
      for (const operation of client.#open.values()) operation.resolve(`the socket closed with ${code}`);
    });
    return client;
  }

  /** Runs one operation to its end; answers the last thing it said. */
  once(query: string, variables: Record<string, unknown>): Promise<unknown> {
    this.#operations += 1;
    const id = String(this.#operations);
    return new Promise((resolve) => {
      this.#open.set(id, { last: null, resolve });
      this.#send({ id, type: 'subscribe', payload: { query, variables } });
    });
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.close();
  }

  #send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  #receive(text: string): void {
    const message = JSON.parse(text) as { id?: string; type: string; payload?: unknown };
    if (message.type === 'ping') this.#send({ type: 'pong' });
    const operation = this.#open.get(message.id ?? '');
    if (operation === undefined) return;
    if (message.type === 'next') operation.last = message.payload;
    if (message.type === 'next') return;
    this.#open.delete(message.id ?? '');
    operation.resolve(message.type === 'error' ? message.payload : operation.last);
  }
}

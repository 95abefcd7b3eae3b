import { connect, type Socket } from 'node:net';

/**
 * HTTP/1.1 over kept connections, one request at a time on each, with a body that is always the same. `fetch`
 * costs several times as much, and what the client costs is not what is measured here.
 */
export class HttpClient {
  readonly #url: URL;
  readonly #body: string;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();

  constructor(url: string, body: string) {
    this.#url = new URL(url);
    this.#body = body;
  }

  async post(apiKey: string): Promise<unknown> {
    const connection = this.#takeOpen();
    const { host, pathname } = this.#url;
    const head = `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${apiKey}\r\n`;
    const length = Buffer.byteLength(this.#body);
    const text = await connection.ask(
      `${head}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${this.#body}`,
    );
    this.#idle.push(connection);
    return JSON.parse(text) as unknown;
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  /** A server closes what has been idle for long. */
  #takeOpen(): Connection {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop())
      if (idle.isOpen) return idle;
    return this.#open();
  }

  #open(): Connection {
    const connection = new Connection(Number(this.#url.port), this.#url.hostname);
    this.#all.add(connection);
    return connection;
  }
}

class Connection {
  readonly #socket: Socket;
  #received = '';
  #answer = Promise.withResolvers<string>();

  constructor(port: number, host: string) {
    this.#socket = connect({ port, host, noDelay: true });
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (text: string) => this.#receive(text));
    this.#socket.on('error', (error) => this.#answer.reject(error));
    this.#socket.on('close', () => this.#answer.reject(new Error('the connection was closed')));
    this.#answer.promise.catch(() => undefined);
  }

  ask(request: string): Promise<string> {
    this.#answer = Promise.withResolvers<string>();
    this.#socket.write(request);
    return this.#answer.promise;
  }

  get isOpen(): boolean {
    return this.#socket.writable;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** The answers are ASCII here, so characters are bytes. */
  #receive(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const [, length] = /content-length: (\d+)/i.exec(this.#received.slice(0, headEnd)) ?? [];
    const end = headEnd + 4 + Number(length);
    if (this.#received.length < end) return;
    const body = this.#received.slice(headEnd + 4, end);
    this.#received = '';
    this.#answer.resolve(body);
  }
}

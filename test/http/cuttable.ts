import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A way to a real server that can be cut and mended, so that the server is gone for one process only. */
export class Cuttable {
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
  }

  static async to(target: string): Promise<Cuttable> {
    const cuttable = new Cuttable(target);
    await cuttable.mend();
    return cuttable;
  }

  /** The same address by way of here. */
  get url(): string {
    const url = new URL(this.#target);
    url.hostname = '127.0.0.1';
    url.port = String(this.#port);
    return url.href;
  }

  async mend(): Promise<void> {
    this.#server = createServer((near) => {
      const far = connect(Number(this.#target.port), this.#target.hostname);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as { port: number }).port;
  }

  async cut(): Promise<void> {
    const closed = this.#server === null ? null : once(this.#server, 'close');
    this.#server?.close();
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

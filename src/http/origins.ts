import type { IncomingMessage } from 'node:http';

/** Which browser origins may read answers and open sockets: those that are listed, and the API's own. */
export class Origins {
  readonly #listed: ReadonlySet<string>;

  constructor(listed: readonly string[]) {
    this.#listed = new Set(listed);
  }

  isListed(origin: string): boolean {
    return this.#listed.has(origin);
  }

  /** For sockets, which no CORS header guards. A client that is no browser sends no origin and needs a key anyway. */
  isAllowed(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    if (origin === undefined) return true;
    if (this.isListed(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }
}

import { AppError, Places } from '../platform/index.js';

// Each costs a subscription in Redis and a timer. Five sockets full of them, or so many streams, show more casts than
// one account has running; beyond it somebody forgets to close.
const OPERATIONS_PER_ACCOUNT_MAX = 1_000;
// A socket is a connection and buffers, and carries 200 operations.
const SOCKETS_PER_ACCOUNT_MAX = 500;
// Requests and health checks must get a connection also when all who watch have theirs.
const SHARE_OF_CONNECTIONS = 0.9;
const TRY_AGAIN_S = 5;

/** How much may be open at a time in this process: by account, and by everybody together. */
export class StreamLimits {
  readonly #operations = new Places(OPERATIONS_PER_ACCOUNT_MAX);
  readonly #sockets = new Places(SOCKETS_PER_ACCOUNT_MAX);
  readonly #connections: Places;

  constructor(connectionsMax: number) {
    this.#connections = new Places(Math.floor(connectionsMax * SHARE_OF_CONNECTIONS));
  }

  /** Takes a place for a socket or a stream of whomever; null when there is none left. */
  openConnection(): (() => void) | null {
    return this.#connections.take('all');
  }

  openSocket(accountId: string): (() => void) | null {
    return this.#sockets.take(accountId);
  }

  /** Takes a place for an operation on a transport that streams; throws RATE_LIMITED when there is none left. */
  openOperation(accountId: string): () => void {
    const close = this.#operations.take(accountId);
    if (close !== null) return close;
    const text = `at most ${OPERATIONS_PER_ACCOUNT_MAX} operations are open at a time, close some`;
    throw new AppError('RATE_LIMITED', text, { retryAfterSeconds: TRY_AGAIN_S });
  }
}

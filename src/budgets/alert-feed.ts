import { EventEmitter, on } from 'node:events';
import { LRUCache } from 'lru-cache';
import { requireScope, type Principal } from '../accounts/index.js';
import { AppError, errorText, type DataSource, type Logger, type PubSub } from '../platform/index.js';
import { findRecentAlerts, type BudgetAlert } from './budget-alert.js';

/** The pub/sub channel that carries the id of an account with a new alert. */
export const ALERT_CHANNEL = 'budget-alerts';

// A wake-up can be lost; this is how long a watcher then waits before the feed looks for itself.
const LOOK_EVERY_MS = 2_000;
// A row becomes visible at its commit, a moment after the time it carries; looking back this far misses none.
const LOOK_BACK_MS = 30_000;
// More than all alerts of LOOK_BACK_MS that one process could tell.
const REMEMBERED_MAX = 100_000;
// Each account in a look is an index scan; and each watcher a socket with a buffer of its own.
const ACCOUNTS_MAX = 10_000;
const WATCHERS_PER_ACCOUNT_MAX = 1_000;

/**
 * Tells the watchers in this process of new alerts of their account, each once. One look at the database serves all of
 * them, after a wake-up and every two seconds.
 */
export class AlertFeed {
  readonly #deps: { database: DataSource; pubsub: PubSub; logger: Logger };
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  readonly #told = new LRUCache<string, true>({ max: REMEMBERED_MAX });
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #mustLookAgain = false;
  #unsubscribe: () => void = () => undefined;

  constructor(deps: { database: DataSource; pubsub: PubSub; logger: Logger }) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#unsubscribe = await this.#deps.pubsub.subscribe(ALERT_CHANNEL, (accountId) => {
      if (accountId === '' || this.#emitter.listenerCount(accountId) > 0) this.#look();
    });
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#unsubscribe();
    await this.#looking;
  }

  /** The alerts of the asking account from now on, until the signal. Earlier ones are not repeated. */
  async watch(principal: Principal | null, signal: AbortSignal): Promise<AsyncIterableIterator<BudgetAlert>> {
    const { accountId } = requireScope(principal, 'read');
    const watchers = this.#emitter.listenerCount(accountId);
    if (watchers >= WATCHERS_PER_ACCOUNT_MAX || this.#accountIds().length >= ACCOUNTS_MAX)
      throw new AppError('UNAVAILABLE', 'too many watchers here, try again');
    if (watchers === 0) {
      for await (const { id } of this.#find([accountId])) this.#told.set(id, true);
    }
    return untilAborted(this.#emitter, accountId, signal);
  }

  /** Listening to an account makes Node listen for 'error' too. */
  #accountIds(): string[] {
    return this.#emitter.eventNames().filter((name): name is string => name !== 'error');
  }

  #find(accountIds: string[]): AsyncIterable<BudgetAlert> {
    return findRecentAlerts(this.#deps.database, accountIds, LOOK_BACK_MS);
  }

  #look(): void {
    this.#mustLookAgain = true;
    this.#looking ??= this.#lookUntilQuiet().finally(() => (this.#looking = null));
  }

  async #lookUntilQuiet(): Promise<void> {
    while (this.#mustLookAgain) {
      this.#mustLookAgain = false;
      const watched = this.#accountIds();
      if (watched.length === 0) return;
      try {
        for await (const alert of this.#find(watched)) {
          if (this.#told.has(alert.id)) continue;
          this.#told.set(alert.id, true);
          this.#emitter.emit(alert.accountId, alert);
        }
      } catch (error) {
        this.#deps.logger.warn({ error: errorText(error) }, 'alerts not read');
      }
    }
  }
}

/** Listens from this call on; ends quietly when the signal comes. */
function untilAborted(
  emitter: EventEmitter,
  accountId: string,
  signal: AbortSignal,
): AsyncIterableIterator<BudgetAlert> {
  const alerts = on(emitter, accountId, { signal }) as AsyncIterableIterator<[BudgetAlert]>;
  const source: AsyncIterableIterator<BudgetAlert> = {
    [Symbol.asyncIterator]: () => source,
    async next() {
      try {
        const { done, value } = await alerts.next();
        return done === true ? { done, value: undefined } : { done: false, value: value[0] };
      } catch (error) {
        if (signal.aborted) return { done: true, value: undefined };
        throw error;
      }
    },
    async return() {
      await alerts.return?.();
      return { done: true, value: undefined };
    },
  };
  return source;
}

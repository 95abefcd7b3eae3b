import { LRUCache } from 'lru-cache';
import { AppError, badInput } from '../platform/index.js';
import type { ResolvedVersion } from '../spells/index.js';

// Schemas and inputs come from strangers, and checking one against the other holds the thread of everybody: each account
// gets one second of every ten, of what takes longer than an honest check does.
const SLOW_MS = 10;
const SLOW_MS_MAX = 1_000;
const WINDOW_MS = 10_000;
const ACCOUNTS_MAX = 10_000;

/** Checks inputs against the schemas of their spells, as long as that does not take too much of this process. */
export class InputChecks {
  readonly #slowMs = new LRUCache<string, number>({ max: ACCOUNTS_MAX, ttl: WINDOW_MS, noUpdateTTL: true });

  /** Throws BAD_USER_INPUT with every problem, or RATE_LIMITED. */
  check(accountId: string, version: ResolvedVersion, value: unknown): void {
    const usedMs = this.#slowMs.get(accountId) ?? 0;
    if (usedMs >= SLOW_MS_MAX) throw this.#limited(accountId);
    const startedMs = performance.now();
    const problems = version.checkInput(value);
    const tookMs = performance.now() - startedMs;
    if (tookMs >= SLOW_MS) this.#slowMs.set(accountId, usedMs + tookMs);
    if (problems.length > 0)
      throw badInput(problems.map(({ path, reason }) => ({ path: `input${path}`, reason })));
  }

  #limited(accountId: string): AppError {
    const retryAfterSeconds = Math.max(1, Math.ceil(this.#slowMs.getRemainingTTL(accountId) / 1_000));
    return new AppError(
      'RATE_LIMITED',
      'inputs of this account take too long to check against the schemas of their spells, try again later',
      { retryAfterSeconds },
    );
  }
}

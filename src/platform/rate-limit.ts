import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from './errors.js';

/**
 * So many takes per key and window, counted in this process: with several processes a caller gets a multiple, which is
 * good enough to keep one caller from crowding out the rest and costs no round trip.
 */
export class RateLimit {
  readonly #limiter: RateLimiterMemory;
  readonly #message: string;

  constructor(options: { takes: number; perSeconds: number; message: string }) {
    this.#limiter = new RateLimiterMemory({ points: options.takes, duration: options.perSeconds });
    this.#message = options.message;
  }

  /** Counts one take; throws RATE_LIMITED when there is none left in this window. */
  async take(key: string): Promise<void> {
    try {
      await this.#limiter.consume(key);
    } catch (limit) {
      const retryAfterSeconds = Math.max(1, Math.ceil((limit as RateLimiterRes).msBeforeNext / 1_000));
      throw new AppError('RATE_LIMITED', this.#message, { retryAfterSeconds });
    }
  }

  /** Takes a take back that turned out not to count. */
  async giveBack(key: string): Promise<void> {
    await this.#limiter.reward(key);
  }
}

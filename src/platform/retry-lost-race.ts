import { setTimeout as delay } from 'node:timers/promises';
import { isLostRace } from './postgres.js';

// What is in the way is gone within milliseconds; after so many tries it is something else.
const AGAIN_AFTER_MS = [10, 50, 100];

/** Does the work again when it lost a race for a lock, a few times. It must be one statement, or one transaction. */
export async function retryLostRace<Result>(work: () => Promise<Result>): Promise<Result> {
  for (const waitMs of AGAIN_AFTER_MS) {
    try {
      return await work();
    } catch (error) {
      if (!isLostRace(error)) throw error;
      await delay(waitMs);
    }
  }
  return work();
}

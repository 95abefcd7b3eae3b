import { setTimeout as delay } from 'node:timers/promises';
import { errorText, type Logger } from '../platform/index.js';
import type { RunningCast } from './lease-keeper.js';
import type { CastSettlements, Settlement } from './settle-casts.js';

// Short beside the lease, which a locked row or a lost connection must outlast before the run is thrown away.
const AGAIN_AFTER_MS = [20, 100, 250, 500];
const AGAIN_AFTER_MOST_MS = 1_000;

/**
 * Settles a cast that has run, and tries again as long as its lease is kept: what ran is not thrown away because
 * the database could not be asked at that moment. Settling twice is the same as once, because the fencing token decides.
 */
export async function settleWhileLeased(
  deps: { settlements: CastSettlements; logger: Logger },
  running: RunningCast,
  isStopping: () => boolean,
  settlement: Settlement,
): Promise<boolean> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await deps.settlements.settle(settlement);
    } catch (error) {
      if (running.isFenced || isStopping()) throw error;
      deps.logger.warn({ castId: settlement.id, tries, error: errorText(error) }, 'settlement tried again');
      await delay(AGAIN_AFTER_MS[tries] ?? AGAIN_AFTER_MOST_MS);
    }
  }
}

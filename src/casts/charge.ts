import { meteredMicros, priceMicros, type Pricing } from '../spells/offline.js';
import type { CastErrorCode, FinalStatus } from './cast.js';

/**
 * What a cast costs, by how it ended: the price when it succeeded; what was burned when it was canceled
 * while running or stopped by its deadline or fuel limit; nothing when it trapped, exited with an
 * error, broke a rule or was lost. Fuel that could not be read after a kill counts as none.
 */
export function chargeMicros(
  pricing: Pricing,
  maxFuel: bigint,
  result: { status: FinalStatus; error: { code: CastErrorCode } | null },
  fuelUsed: bigint | null,
): bigint {
  if (result.status === 'SUCCEEDED') return priceMicros(pricing, fuelUsed ?? 0n);
  if (result.error?.code === 'FUEL_EXHAUSTED') return meteredMicros(pricing, maxFuel);
  const isStopped = result.status === 'CANCELED' || result.error?.code === 'DEADLINE_EXCEEDED';
  return isStopped ? meteredMicros(pricing, fuelUsed ?? 0n) : 0n;
}

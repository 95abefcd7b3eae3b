import { chargeMicros } from './charge.js';
import type { CastErrorCode, FinalStatus } from './cast.js';
import type { RunTerms } from './run-terms.js';

/** What a cast costs that ends without a worker: by the same rule as any other, and no fuel was reported. */
export function chargeWithoutWorker(
  { pricing, run }: RunTerms,
  result: { status: FinalStatus; error: { code: CastErrorCode } | null },
): bigint {
  const { model, priceMicros, microsPerGigafuel } = pricing;
  const terms = { model, price_micros: priceMicros, micros_per_gigafuel: microsPerGigafuel };
  return chargeMicros(terms, BigInt(run.limits.maxFuel), result, null);
}

import type { SpellManifest } from '../provenance/index.js';

/** What a price is made of, in decimal text. */
export type Pricing = Pick<SpellManifest['pricing'], 'model' | 'price_micros' | 'micros_per_gigafuel'>;

// A billion dollars, the largest limit of a budget too: above any real price, and thousands of such holds can still be
// added up in 64 bits.
export const CAST_MICROS_MAX = 1_000_000_000_000_000n;

const FUEL_PER_GIGAFUEL = 1_000_000_000n;

/**
 * The price of a cast that burned `fuel`, in micros: nothing (free), the flat price, or base + metered
 * part. The metered part is rounded up once, at the end, so that adding prices never hides a fraction.
 */
export function priceMicros(pricing: Pricing, fuel: bigint): bigint {
  switch (pricing.model) {
    case 'free':
      return 0n;
    case 'flat':
      return BigInt(pricing.price_micros);
    case 'metered':
      return BigInt(pricing.price_micros) + meteredMicros(pricing, fuel);
  }
}

/** Only the part that was burned: what a cast costs that ran but did not end by itself. */
export function meteredMicros(pricing: Pricing, fuel: bigint): bigint {
  if (pricing.model !== 'metered') return 0n;
  const scaled = BigInt(pricing.micros_per_gigafuel) * fuel;
  return (scaled + FUEL_PER_GIGAFUEL - 1n) / FUEL_PER_GIGAFUEL;
}

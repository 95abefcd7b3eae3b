import type { InputProblem } from '../platform/index.js';
import { declaredLimits, type SpellManifest } from '../provenance/index.js';
import { CAST_MICROS_MAX, priceMicros } from './price.js';

/** A cast holds its worst case, so it is the worst case that has to be possible. */
export function priceProblems(manifest: SpellManifest): InputProblem[] {
  const worstCaseMicros = priceMicros(manifest.pricing, declaredLimits(manifest).maxFuel);
  if (worstCaseMicros <= CAST_MICROS_MAX) return [];
  const reason = `with runtime.max_fuel a cast could cost ${worstCaseMicros} micros; ${CAST_MICROS_MAX} is the most`;
  return [{ path: 'manifest/pricing', reason }];
}

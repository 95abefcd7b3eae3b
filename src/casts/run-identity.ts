import { declaredLimits, declaredMode, type SpellManifest } from '../provenance/index.js';
import { strictest, type RunLimits } from '../limits/index.js';
import type { CastLimits } from './cast.js';

/** What makes one run of a cast the same as the next, beside what the sandbox derives from module and input. */

/** `real`: time and chance are the host's, and no replay will be the same. */
export function runMode(manifest: SpellManifest): 'deterministic' | 'real' {
  return declaredMode(manifest);
}

/** All limits that a cast runs under: what its manifest declares, lowered by what its request said. */
export function runLimits(manifest: SpellManifest, limits: CastLimits): RunLimits {
  const { lowered, ...columns } = limits;
  return strictest(declaredLimits(manifest), { ...lowered, ...columns });
}

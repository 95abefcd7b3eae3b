import type { RunTerms } from '../../src/casts/run-terms.js';
import { toRunLimits } from '../../src/limits/index.js';
import { sha256 } from '../../src/platform/index.js';

const digest = sha256('');
const limits = toRunLimits({});

/** Terms of no cast in particular, for tests that settle one without having run it. */
export const ANY_TERMS: RunTerms = {
  spell: {
    key: 'com.example.any',
    version: '1.0.0',
    packageDigest: digest,
    moduleDigest: digest,
    meteredDigest: digest,
    costTable: 1,
  },
  run: {
    mode: 'deterministic',
    clockStartNs: '0',
    randomSeed: '0'.repeat(32),
    argumentsDigest: digest,
    environmentDigest: digest,
    limits: { ...limits, maxFuel: limits.maxFuel.toString() },
  },
  pricing: { model: 'free', priceMicros: '0', microsPerGigafuel: '0' },
};

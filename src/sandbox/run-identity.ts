import { hash } from 'node:crypto';

/**
 * Where the clocks of a deterministic run start, in nanoseconds since 1970: 2026-01-01, so that a guest prints a time like
 * today's. It is the same for every run, because a guest that reads its clock would otherwise use other fuel each time.
 */
export const CLOCK_START_NS: bigint = BigInt(Date.UTC(2026, 0, 1)) * 1_000_000n;

const SEED_BYTES = 16;

/**
 * What the random bytes of a deterministic run are a keystream of: the first 16 bytes of SHA-256 over both digests
 * ("sha256:<hex>", of the module as published and of the input), a newline between them. The same module on the same
 * input draws the same bytes everywhere, and another input draws others.
 */
export function seedOf(moduleDigest: string, inputDigest: string): Buffer {
  return hash('sha256', `${moduleDigest}\n${inputDigest}`, 'buffer').subarray(0, SEED_BYTES);
}

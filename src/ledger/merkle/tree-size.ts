/**
 * Sizes and sequences are numbers up to 2^53 - 1, which a log at 10,000 entries a second reaches in 28,000 years. What is
 * larger, negative or no whole number at all is refused wherever it comes in.
 */
export function isTreeSize(size: unknown): size is number {
  return Number.isSafeInteger(size) && (size as number) >= 0;
}

/** The largest power of two below a size of at least 2: where RFC 6962 splits a tree in two. */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

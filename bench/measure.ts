/** Something that casts once and says when the end is known. */
export interface Caster {
  castOnce(): Promise<void>;
  close(): Promise<void>;
}

/** What a caster's process is asked to do. */
export interface RoundRequest {
  casts: number;
  inFlight: number;
}

/** How a round went: each cast from sent to final, and how long the round took. */
export interface RoundResult {
  tookMs: number[];
  seconds: number;
}

/** Runs a number of casts, so many at a time. */
export async function runRound(caster: Caster, { casts, inFlight }: RoundRequest): Promise<RoundResult> {
  const tookMs: number[] = [];
  let left = casts;
  const startedMs = performance.now();
  const runner = async () => {
    while (left > 0) {
      left -= 1;
      const sentMs = performance.now();
      await caster.castOnce();
      tookMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, casts) }, runner));
  return { tookMs, seconds: (performance.now() - startedMs) / 1_000 };
}

/** The value below which this share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

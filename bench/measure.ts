/** Something that casts once and says when the end is known. */
export interface Caster {
  castOnce(): Promise<void>;
  close(): Promise<void>;
}

export interface Latency {
  p50: number;
  p90: number;
  p99: number;
}

/** One cast after the other, each from sent to final, in milliseconds. */
export async function measureLatency(caster: Caster, count: number): Promise<Latency> {
  const tookMs: number[] = [];
  for (let i = 0; i < count; i++) {
    const sentMs = performance.now();
    await caster.castOnce();
    tookMs.push(performance.now() - sentMs);
  }
  tookMs.sort((a, b) => a - b);
  const at = (share: number) => tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))] ?? 0;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

/** Casts per second with a fixed number in flight. */
export async function measureThroughput(caster: Caster, count: number, inFlight: number): Promise<number> {
  let left = count;
  const startedMs = performance.now();
  const runner = async () => {
    while (left > 0) {
      left -= 1;
      await caster.castOnce();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, runner));
  return count / ((performance.now() - startedMs) / 1_000);
}

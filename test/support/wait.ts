import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 50;

/** Looks again and again until `look` answers true, and says how long that took; fails when the time is up. */
export async function waitUntil(
  what: string,
  withinMs: number,
  look: () => Promise<boolean>,
): Promise<number> {
  const startedMs = performance.now();
  while (!(await look())) {
    if (performance.now() - startedMs > withinMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await delay(LOOK_EVERY_MS);
  }
  return performance.now() - startedMs;
}

const startedMs = performance.now();

/** A line with the time since the demo began. */
export function say(text: string): void {
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(2).padStart(6);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

/** Ends the demo unless this is so. */
export function check(isTrue: boolean, what: string): asserts isTrue {
  if (!isTrue) throw new Error(`not so: ${what}`);
}

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CLI = fileURLToPath(new URL('../src/cli.js', import.meta.url));
const MODULE = fileURLToPath(new URL('../../bench/metering/fib.wasm', import.meta.url));
const ROUNDS = 5;
const GOAL_MS = 500;

/** `bin/spell run` of a small module, from the start of the process to its end; the best of some rounds. */
export async function benchStart(print: (line: string) => void): Promise<void> {
  const tookMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    await promisify(execFile)(process.execPath, [CLI, 'run', MODULE]);
    tookMs.push(performance.now() - startMs);
  }
  const bestMs = Math.min(...tookMs);
  const verdict = bestMs < GOAL_MS ? 'met' : 'NOT met';
  print(`goal: bin/spell run of a small module under ${GOAL_MS} ms: ${verdict} (${bestMs.toFixed(0)} ms)`);
}

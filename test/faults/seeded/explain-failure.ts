import type { SeedRun } from './run-seed.js';
import type { Stack } from './stack.js';

// Who reads a failure wants the first problems; a thousand more say the same.
const PROBLEMS_MAX = 30;
const CASTS_MAX = 10;
const LINES_MAX = 40;

/** Everything that helps to understand a failed run: what was killed, the casts concerned, the processes' last words. */
export function explainFailure(run: SeedRun, stack: Stack): string {
  const problems = run.problems.slice(0, PROBLEMS_MAX);
  const text = problems.join('\n');
  const rows = run.rows.filter((row) => text.includes(row.id) || text.includes(`step ${row.name}:`));
  const names = new Set(rows.map(({ name }) => name));
  const records = run.records.filter(
    ({ step }) => names.has(step.name) || text.includes(`step ${step.name}:`),
  );
  return [
    `seed ${run.seed} (replay with SEED=${run.seed} make faults): ${run.problems.length} problems`,
    ...problems.map((problem) => `  - ${problem}`),
    'what was done:',
    ...run.lines,
    'the casts concerned:',
    ...rows.slice(0, CASTS_MAX).map((row) => JSON.stringify(row)),
    'their clients:',
    ...records
      .slice(0, CASTS_MAX)
      .flatMap(({ step, log }) => [JSON.stringify(step), ...log.map((line) => `    ${line}`)]),
    ...stack.processes.flatMap(({ name, lastWords }) => [
      `the last words of ${name}:`,
      ...lastWords.split('\n').slice(-LINES_MAX).map(shorten),
    ]),
  ].join('\n');
}

/** A line of a log without what is the same in all of them. */
function shorten(line: string): string {
  return line
    .replace(/"(pid|hostname|name|requestId|accountId|transport)":("[^"]*"|\d+),?/g, '')
    .replace(/^\{"level":"(\w+)","time":"[^T]*T([^Z]*)Z",/, '$2 $1 {');
}

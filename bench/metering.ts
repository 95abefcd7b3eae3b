import { benchMeteredRuns } from './metering-runs.js';
import { benchStart } from './metering-start.js';

/** What metering costs, and what a maker waits for at the desk. */
export async function benchMetering(print: (line: string) => void): Promise<void> {
  await benchMeteredRuns(print);
  await benchStart(print);
}

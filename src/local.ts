import { readConfig } from './config.js';
import { explainStart, stopOnSignal } from './process.js';
import { startLocal } from './local-app.js';

// A database of many gigabytes takes its time to write down what it has; a second Ctrl-C does not wait for it.
const STOP_WITHIN_MS = 30_000;

const say = (line: string) => process.stdout.write(`${line}\n`);
const stopping = new AbortController();
const start = async () => startLocal(readConfig(), { say, publishesExamples: true, signal: stopping.signal });
// After this one turn of the event loop nothing may run without somebody who listens to Ctrl-C: what is started is
// detached, and would stay.
const starting = start();
stopOnSignal(async () => {
  stopping.abort();
  const local = await starting.catch(() => null);
  await local?.stop();
}, STOP_WITHIN_MS);
try {
  say((await starting).help);
} catch (error) {
  // A start that was broken off has undone itself, and whoever broke it off ends the process.
  if (!stopping.signal.aborted) {
    process.stderr.write(`${explainStart(error)}\n`);
    process.exit(1);
  }
}

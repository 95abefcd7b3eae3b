import { readConfig } from './config.js';
import { explainStart, stopOnSignal } from './process.js';
import { startLocal } from './local-app.js';

try {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const local = await startLocal(readConfig(), { say, publishesExamples: true });
  stopOnSignal(() => local.stop());
  say(local.help);
} catch (error) {
  process.stderr.write(`${explainStart(error)}\n`);
  process.exit(1);
}

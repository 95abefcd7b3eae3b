import { stopOnSignal } from './process.js';
import { ConfigError, readConfig } from './config.js';
import { startLocal } from './local-app.js';

try {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const local = await startLocal(readConfig(), { say, publishesExamples: true });
  stopOnSignal(() => local.stop());
  say(local.help);
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(1);
}

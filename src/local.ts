import { stopOnSignal } from './process.js';
import { ConfigError, readConfig } from './config.js';
import { startLocal } from './local-app.js';

try {
  const local = await startLocal(readConfig(), { say: (line) => process.stdout.write(`${line}\n`) });
  stopOnSignal(() => local.stop());
  process.stdout.write(`${local.help}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(1);
}

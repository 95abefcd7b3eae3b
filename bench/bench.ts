import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres, startEmbeddedRedis } from '../src/platform/index.js';
import { benchCasts } from './casts.js';
import { benchLedger } from './ledger.js';
import { benchMetering } from './metering.js';
import { print } from './print.js';

/**
 * What the product costs over its floors, all measured in this run on the same PostgreSQL and Redis. The ratios are
 * the result; the milliseconds belong to this machine. Names on the command line run only those parts.
 */
const only = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'spell-bench-'));
const postgres = await startEmbeddedPostgres({
  folder: join(folder, 'postgres'),
  isDurable: true,
  connectionsMax: 100,
});
const redis = await startEmbeddedRedis(join(folder, 'redis'), process.env['PATH'] ?? '');
const services = {
  databaseUrl: postgres.url,
  redisUrl: redis.url,
  dataDir: join(folder, 'data'),
  pids: { postgres: postgres.pid, valkey: redis.pid },
};
try {
  print(
    `machine: ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}, ${redis.description}`,
  );
  await benchCasts(services, only);
  if (only.length === 0 || only.includes('metering')) await benchMetering(print);
  await benchLedger(services.databaseUrl, only);
} finally {
  await redis.stop();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}

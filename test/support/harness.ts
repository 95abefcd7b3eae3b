import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { startApp, type Role, type RunningApp } from '../../src/app.js';
import { readServerConfig, type ServerConfig } from '../../src/config.js';
import { systemClock, type Clock } from '../../src/platform/index.js';
import { ApiClient } from './client.js';
import { cloneDatabase, redisUrl } from './databases.js';
import { Seed } from './seed.js';

export interface Harness {
  /** The environment with which further processes join this platform. */
  environment: Record<string, string>;
  config: ServerConfig;
  app: RunningApp;
  seed: Seed;
  /** A client of the API with this key, or of nobody. */
  client: (apiKey?: string) => ApiClient;
}

interface HarnessOptions {
  roles?: readonly Role[];
  clock?: Clock;
  environment?: Record<string, string>;
}

/** The real platform on a database, a Redis prefix and a folder of its own; gone when the test file ends. */
export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const database = await cloneDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'spell-data-'));
  const environment = {
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl(),
    SPELL_REDIS_PREFIX: `test-${randomBytes(6).toString('hex')}`,
    SPELL_DATA_DIR: dataDir,
    SPELL_LINK_KEY: randomBytes(32).toString('hex'),
    SPELL_LEDGER_ORIGIN: 'ledger.test',
    SPELL_LEDGER_SIGNING_KEYS: randomBytes(32).toString('hex'),
    SPELL_LEDGER_MASTER_KEY: randomBytes(32).toString('hex'),
    SPELL_LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'fatal',
    PORT: '0',
    ...options.environment,
  };
  const config = readServerConfig(environment);
  const clock = options.clock ?? systemClock;
  const app = await startApp(config, options.roles ?? ['api', 'worker'], clock);
  after(async () => {
    await app.stop();
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  });
  const client = (apiKey?: string) => new ApiClient(app.url, apiKey ?? null);
  return { environment, config, app, client, seed: new Seed({ ...app, client }) };
}

import { randomBytes } from 'node:crypto';
import {
  CastAcceptance,
  FreshCasts,
  OwnWorker,
  CastEntity,
  CastMetrics,
  InputChecks,
  ENQUEUE_TOPIC,
  requestCast,
  type CastDeps,
} from '../src/casts/index.js';
import { ApiKeyEntity, KeyVerifier, SecretDigests } from '../src/keys/index.js';
import {
  EventStreams,
  JobQueue,
  OutboxRelay,
  PubSub,
  RateLimit,
  connectPostgres,
  connectRedis,
  createLogger,
  createRegistry,
  systemClock,
} from '../src/platform/index.js';
import { SpellEntity, SpellVersionEntity, VersionResolver } from '../src/spells/index.js';
import type { Caster } from './measure.js';
import { SPELL_KEY } from './product.js';

export interface RequesterOptions {
  databaseUrl: string;
  redisUrl: string;
  apiKey: string;
}

// Of a process of the API by default.
const POOL_SIZE = 10;
const REQUEST = { spell: SPELL_KEY, input: 'to be or not to be' };

/**
 * Requests casts where the API would, without an edge before it: key, version, input, budgets, rows, outbox and queue
 * are those of the product.
 */
export async function openRequester(options: RequesterOptions): Promise<Caster> {
  const [clock, logger] = [systemClock, createLogger({ level: 'warn', name: 'bench' })];
  const database = await connectPostgres({
    url: options.databaseUrl,
    poolSize: POOL_SIZE,
    entities: [CastEntity, ApiKeyEntity, SpellEntity, SpellVersionEntity],
    migrations: [],
    applicationName: 'bench-requester',
  });
  const redis = connectRedis(options.redisUrl, logger, 'bench');
  const subscriber = connectRedis(options.redisUrl, logger, 'bench-subscriber');
  const pubsub = new PubSub({ publisher: redis, subscriber, prefix: 'bench' });
  // A queue of its own: nobody works on it.
  const queue = new JobQueue({ redis, name: 'casts', prefix: 'bench', logger });
  const outbox = new OutboxRelay({
    database,
    logger,
    handlers: new Map([
      [ENQUEUE_TOPIC, (rows) => queue.addAll(rows.map((row) => String(row.payload['castId'])))],
    ]),
  });
  const verifier = new KeyVerifier({
    database,
    pubsub,
    clock,
    logger,
    digests: new SecretDigests(randomBytes(32)),
  });
  const fresh = new FreshCasts({ streams: new EventStreams({ redis, pubsub, prefix: 'bench' }) });
  const principal = await verifier.verify(options.apiKey);
  const deps: Pick<
    CastDeps,
    'database' | 'clock' | 'versions' | 'acceptance' | 'fresh' | 'outbox' | 'metrics' | 'rate' | 'inputChecks'
  > = {
    database,
    clock,
    versions: new VersionResolver({ database, pubsub }),
    acceptance: new CastAcceptance({ database, ownWorker: new OwnWorker() }),
    fresh,
    outbox,
    metrics: new CastMetrics(createRegistry('bench')),
    // The limit of casts per account is not what is measured.
    rate: new RateLimit({ takes: 1_000_000, perSeconds: 1, message: 'too many' }),
    inputChecks: new InputChecks(),
  };
  return {
    castOnce: async () => {
      await requestCast(deps, principal, REQUEST);
    },
    close: async () => {
      fresh.stop();
      await outbox.stop();
      await queue.close();
      await database.destroy();
      redis.disconnect();
      subscriber.disconnect();
    },
  };
}

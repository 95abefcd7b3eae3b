import { randomBytes } from 'node:crypto';
import { after } from 'node:test';
import { migrations } from '../../migrations/index.js';
import type { Principal } from '../../src/accounts/index.js';
import { entities } from '../../src/app.js';
import {
  CastAcceptance,
  CastMetrics,
  FreshCasts,
  InputChecks,
  OwnWorker,
  requestCast,
} from '../../src/casts/index.js';
import {
  EventStreams,
  OutboxRelay,
  PubSub,
  RateLimit,
  connectPostgres,
  connectRedis,
  createLogger,
  createRegistry,
  systemClock,
} from '../../src/platform/index.js';
import { VersionResolver } from '../../src/spells/index.js';
import type { Harness } from '../support/harness.js';
import { toTermsColumns } from '../../src/casts/run-terms.js';
import { ANY_TERMS } from '../support/run-terms.js';

const DATABASE_POOL = 4;

/** What accepts and settles casts in one process, on connections of its own and without the edges. */
export async function openInstance({ config }: Harness) {
  const logger = createLogger({ level: 'fatal', name: 'instance' });
  const database = await connectPostgres({
    url: config.databaseUrl,
    poolSize: DATABASE_POOL,
    entities,
    migrations,
    applicationName: 'instance',
  });
  const [publisher, subscriber] = [1, 2].map(() => connectRedis(config.redisUrl, logger, 'instance'));
  if (publisher === undefined || subscriber === undefined) throw new Error('no Redis');
  const pubsub = new PubSub({ publisher, subscriber, prefix: config.redisPrefix });
  const versions = new VersionResolver({ database, pubsub });
  await versions.start();
  after(async () => {
    versions.stop();
    publisher.disconnect();
    subscriber.disconnect();
    await database.destroy();
  });
  // Nothing is delivered: a cast that stays in the queue keeps its hold.
  const outbox = new OutboxRelay({ database, logger, handlers: new Map() });
  const deps = {
    database,
    clock: systemClock,
    versions,
    outbox,
    metrics: new CastMetrics(createRegistry(randomBytes(4).toString('hex'))),
    rate: new RateLimit({ takes: 1_000_000, perSeconds: 1, message: 'too many' }),
    inputChecks: new InputChecks(),
    acceptance: new CastAcceptance({ database, ownWorker: new OwnWorker() }),
    fresh: new FreshCasts({
      streams: new EventStreams({ redis: publisher, pubsub, prefix: config.redisPrefix }),
    }),
  };
  return {
    request: (principal: Principal, input: Parameters<typeof requestCast>[2]) =>
      requestCast(deps, principal, input),
  };
}

/** What settle_casts takes for a cast that was canceled while it was queued. */
export function canceledEnding(id: string, place = 0) {
  return {
    place,
    id,
    attempt: 0,
    from_status: 'QUEUED',
    status: 'CANCELED',
    finished_at: new Date(),
    ...toTermsColumns(ANY_TERMS),
    output_is_artifact: false,
    cost_micros: '0',
    final_sequence: 2,
  };
}

/** Who asks with a seeded key. */
export async function principalOf(harness: Harness, keyPrefix: string): Promise<Principal> {
  const [row] = await harness.app.database.query(
    `SELECT id, account_id, scopes FROM api_keys WHERE prefix = $1`,
    [keyPrefix],
  );
  return { accountId: row.account_id, keyId: row.id, keyPrefix, scopes: row.scopes };
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GraphQLSchema } from 'graphql';
import { migrations } from '../migrations/index.js';
import {
  AccountEntity,
  AccountResolver,
  toAccountType,
  type Principal,
  type Scope,
} from './accounts/index.js';
import {
  ALERT_CHANNEL,
  ALERT_TOPIC,
  AlertFeed,
  BudgetMetrics,
  BudgetResolver,
  WebhookSender,
  findBudgetById,
  toBudgetType,
  type BudgetDeps,
} from './budgets/index.js';
import {
  AccountCastsResolver,
  ArtifactLinks,
  CastAcceptance,
  CastEntity,
  CastFinishedResolver,
  CastHousekeeping,
  CastMetrics,
  CastReader,
  CastResolver,
  CastSettlements,
  CastSweeper,
  InputChecks,
  OwnWorker,
  CastWorker,
  FreshCasts,
  ENQUEUE_TOPIC,
  UsageResolver,
  findCast,
  registerQueueDepth,
  registerSandboxMetrics,
  toCastType,
  watchCast,
  type CastDeps,
} from './casts/index.js';
import type { ServerConfig } from './config.js';
import {
  GraphqlHttpHandler,
  GraphqlSockets,
  GraphqlSseHandler,
  NodeResolver,
  OperationMetrics,
  StreamLimits,
  buildGraphqlSchema,
  graphiqlPage,
  type FindNode,
  type WatchAlerts,
  type WatchCast,
} from './graphql/index.js';
import {
  Origins,
  createHttpServer,
  registerCastRoutes,
  registerBudgetRoutes,
  registerGraphqlRoutes,
  registerHealthRoutes,
  registerKeyRoutes,
  registerLedgerRoutes,
  registerReceiptRoutes,
  registerOpenApiRoute,
  registerSpellRoutes,
  type App,
} from './http/index.js';
import { ApiKeyEntity, ApiKeyResolver, KeyVerifier, SecretDigests, toApiKeyType } from './keys/index.js';
import {
  LedgerMetrics,
  LedgerResolver,
  LogChecker,
  PersonKeys,
  Sequencer,
  noteSigner,
  type NoteSigner,
  confirmRetiredKeys,
  parseVerifierKey,
  registerLedgerDepth,
} from './ledger/index.js';
import {
  BlobStore,
  EventStreams,
  JobQueue,
  JobWorker,
  OutboxRelay,
  PubSub,
  RateLimit,
  connectPostgres,
  connectRedis,
  createLogger,
  createRegistry,
  migrate,
  orAfter,
  poolUsage,
  queryRows,
  registerPoolMetrics,
  systemClock,
  type Clock,
  type DataSource,
  type Logger,
  type OutboxRow,
  type Redis,
  type Registry,
} from './platform/index.js';
import { SandboxPool } from './sandbox/index.js';
import {
  AccountSpellsResolver,
  SpellEntity,
  SpellResolver,
  SpellVersionEntity,
  SpellVersionResolver,
  UploadQuota,
  UploadSweeper,
  VersionResolver,
  loadSpells,
  loadVersions,
  toSpellType,
  toSpellVersionType,
  type SpellDeps,
} from './spells/index.js';

/** What a process does: answer requests, run casts, or both. */
export type Role = 'api' | 'worker';

export interface RunningApp {
  /** The address it listens on, as in http://127.0.0.1:4000. */
  url: string;
  database: DataSource;
  logger: Logger;
  clock: Clock;
  /** What keys are issued with. */
  digests: SecretDigests;
  /** Stops everything in the reverse order of its start. */
  stop(): Promise<void>;
}

const QUEUE_NAME = 'casts';
// A sandbox process is replaced after this many casts, so that nothing can build up in it. A new one costs as much as a
// thousand short casts until its code is compiled.
const CASTS_PER_PROCESS_MAX = 20_000;
const READY_WITHIN_MS = 2_000;

export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

export const entities = [AccountEntity, ApiKeyEntity, SpellEntity, SpellVersionEntity, CastEntity];

// Longer than any part takes that keeps its own bounds.
const CLOSE_WITHIN_MS = 10_000;

/** Connects, migrates, constructs and starts everything a process with these roles needs. */
export async function startApp(
  config: ServerConfig,
  roles: readonly Role[],
  clock: Clock = systemClock,
): Promise<RunningApp> {
  const closers: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    const late: string[] = [];
    for (const close of closers.splice(0).reverse())
      if (
        !(await orAfter(
          Promise.resolve(close()).then(() => true),
          CLOSE_WITHIN_MS,
          false,
        ))
      )
        late.push(String(close));
    // What hangs must not keep the process: who told it to stop would kill it, and the parts behind it were never closed.
    if (late.length > 0)
      createLogger({ level: config.logLevel, name: 'stop' }).warn({ late }, 'not everything stopped in time');
  };
  try {
    return await construct(config, roles, clock, closers, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function construct(
  config: ServerConfig,
  roles: readonly Role[],
  clock: Clock,
  closers: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<RunningApp> {
  const services = await openServices(config, roles, clock, closers);
  const { logger, database, registry } = services;
  const app = await createHttpServer({
    ...services,
    origins: new Origins(config.allowedOrigins),
    version: VERSION,
  });
  registerHealthRoutes(app, { version: VERSION, registry, checks: healthChecks(services) });
  if (roles.includes('api')) await addApi(config, services, app, closers);
  if (roles.includes('worker')) await addWorker(config, services, closers);
  const sweeper = new CastSweeper({ ...services, attemptsMax: config.attemptsMax });
  sweeper.start();
  closers.push(() => sweeper.stop());
  const housekeeping = new CastHousekeeping({ ...services, idempotencyDays: config.idempotencyDays });
  housekeeping.start();
  closers.push(() => housekeeping.stop());
  const uploadSweeper = new UploadSweeper(services);
  uploadSweeper.start();
  closers.push(() => uploadSweeper.stop());
  const url = await app.listen({ host: config.host, port: config.port });
  closers.push(() => app.close());
  // Addresses in answers are made from the port that was really taken.
  if (config.publicUrl === null) services.links.publicUrl = url;
  logger.info({ url, roles, version: VERSION }, 'started');
  return { url, database, logger, clock, digests: services.digests, stop };
}

/** Everything that both roles share. */
export interface Services {
  clock: Clock;
  logger: Logger;
  registry: Registry;
  database: DataSource;
  redis: Redis;
  pubsub: PubSub;
  streams: EventStreams;
  queue: JobQueue;
  ownWorker: OwnWorker;
  outbox: OutboxRelay;
  blobs: BlobStore;
  uploads: UploadQuota;
  digests: SecretDigests;
  verifier: KeyVerifier;
  versions: VersionResolver;
  links: ArtifactLinks;
  metrics: CastMetrics;
  people: PersonKeys;
  /** The keys of the ledger, which sign checkpoints and receipts. */
  receiptSigners: NoteSigner[];
  acceptance: CastAcceptance;
  fresh: FreshCasts;
  settlements: CastSettlements;
  castReader: CastReader;
  alerts: AlertFeed;
  webhookKey: Buffer;
  allowPrivateWebhooks: boolean;
  subjects: BudgetDeps['subjects'];
  rate: RateLimit;
  inputChecks: InputChecks;
}

async function openServices(
  config: ServerConfig,
  roles: readonly Role[],
  clock: Clock,
  closers: (() => Promise<void> | void)[],
): Promise<Services> {
  const name = `spell-${roles.join('-')}`;
  const logger = createLogger({ level: config.logLevel, name });
  const registry = createRegistry(roles.join('+'));
  const database = await connectPostgres({
    url: config.databaseUrl,
    poolSize: config.databasePool,
    entities,
    migrations,
    applicationName: name,
  });
  closers.push(() => database.destroy());
  await migrate(database);
  registerPoolMetrics(registry, () => poolUsage(database));

  const redis = connectRedis(config.redisUrl, logger, name);
  const subscriber = connectRedis(config.redisUrl, logger, `${name}-subscriber`);
  // The queue's own, because it adds its many commands to the client, and each pipeline of such a client copies them all.
  const queueRedis = connectRedis(config.redisUrl, logger, `${name}-queue`);
  closers.push(() => {
    redis.disconnect();
    subscriber.disconnect();
    queueRedis.disconnect();
  });
  const prefix = config.redisPrefix;
  const pubsub = new PubSub({ publisher: redis, subscriber, prefix });
  const streams = new EventStreams({ redis, pubsub, prefix });
  const queue = new JobQueue({ redis: queueRedis, name: QUEUE_NAME, prefix, logger });
  closers.push(() => queue.close());
  registerQueueDepth(registry, queue);

  const webhooks = new WebhookSender({
    database,
    clock,
    logger,
    metrics: new BudgetMetrics(registry),
    webhookKey: config.linkKey,
    allowPrivateWebhooks: config.allowPrivateWebhooks,
  });
  webhooks.start();
  closers.push(() => webhooks.stop());
  const outbox = new OutboxRelay({
    database,
    logger,
    handlers: new Map([
      [ENQUEUE_TOPIC, (rows) => queue.addAll(rows.map((row) => String(row.payload['castId'])))],
      [ALERT_TOPIC, (rows) => announceAlerts(pubsub, webhooks, rows)],
    ]),
  });
  outbox.start();
  closers.push(() => outbox.stop());

  const digests = new SecretDigests(config.linkKey);
  const verifier = new KeyVerifier({ database, pubsub, clock, logger, digests });
  await verifier.start();
  closers.push(() => verifier.stop());
  const versions = new VersionResolver({ database, pubsub });
  await versions.start();
  closers.push(() => versions.stop());

  const alerts = new AlertFeed({ database, pubsub, logger });
  await alerts.start();
  closers.push(() => alerts.stop());

  const blobs = new BlobStore(join(config.dataDir, 'blobs'));
  const links = new ArtifactLinks({ key: config.linkKey, publicUrl: config.publicUrl ?? '', clock });
  const metrics = new CastMetrics(registry);
  const people = new PersonKeys({ masterKey: config.ledgerMasterKey, clock });
  await people.confirmMasterKey(database);
  registerLedgerDepth(registry, database);
  const fresh = new FreshCasts({ streams });
  closers.push(() => fresh.stop());
  const ownWorker = new OwnWorker();
  const rate = new RateLimit({
    takes: config.castsPerSecond,
    perSeconds: 1,
    message: 'too many casts a second, try again later',
  });
  return {
    clock,
    logger,
    registry,
    database,
    redis,
    pubsub,
    streams,
    queue,
    ownWorker,
    outbox,
    blobs,
    uploads: new UploadQuota(database),
    digests,
    verifier,
    versions,
    links,
    metrics,
    people,
    receiptSigners: config.ledgerSigningKeys.map((seed) => noteSigner(config.ledgerOrigin, seed)),
    acceptance: new CastAcceptance({ database, ownWorker }),
    fresh,
    settlements: new CastSettlements({ database, outbox }),
    castReader: new CastReader({ database }),
    alerts,
    webhookKey: config.linkKey,
    allowPrivateWebhooks: config.allowPrivateWebhooks,
    subjects: {
      hasKey: (accountId, prefix) => database.getRepository(ApiKeyEntity).existsBy({ accountId, prefix }),
      hasSpell: (key) => database.getRepository(SpellEntity).existsBy({ key }),
    },
    rate,
    inputChecks: new InputChecks(),
  };
}

/** Wakes who waits for alerts. Both look for themselves too, so this may be lost, and may happen twice. */
async function announceAlerts(pubsub: PubSub, webhooks: WebhookSender, rows: OutboxRow[]): Promise<void> {
  webhooks.sendSoon();
  const accountIds = new Set(rows.map((row) => String(row.payload['accountId'])));
  await Promise.all([...accountIds].map((accountId) => pubsub.publish(ALERT_CHANNEL, accountId)));
}

function healthChecks({ database, redis }: Services): Record<string, () => Promise<boolean>> {
  return {
    postgres: () => orAfter(answers(queryRows(database, 'SELECT 1')), READY_WITHIN_MS, false),
    redis: () => orAfter(answers(redis.ping()), READY_WITHIN_MS, false),
  };
}

function answers(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

async function addApi(
  config: ServerConfig,
  services: Services,
  app: App,
  closers: (() => Promise<void> | void)[],
): Promise<void> {
  const { logger, registry, verifier, clock } = services;
  const schema = createSchema(services);
  const watch: WatchCast = (principal, args) => watchCast(services, principal, args);
  const watchAlerts: WatchAlerts = (principal, signal) => services.alerts.watch(principal, signal);
  const metrics = new OperationMetrics(registry, logger);
  const limits = new StreamLimits(config.connectionsMax);
  const edge = { schema, logger, metrics, watchCast: watch, watchAlerts, verifier, limits };
  app.server.maxConnections = config.connectionsMax;
  const graphql = new GraphqlHttpHandler(edge);
  await graphql.start();
  closers.push(() => graphql.stop());
  const sse = new GraphqlSseHandler(edge);
  const origins = new Origins(config.allowedOrigins);
  const sockets = new GraphqlSockets({
    ...edge,
    clock,
    isOriginAllowed: (request) => origins.isAllowed(request),
  });
  // Before the server closes, because it waits for its connections, and sockets are connections.
  app.addHook('preClose', () => sockets.stop());

  registerGraphqlRoutes(app, {
    handle: (request) => graphql.handle(request),
    handleSse: (request) => sse.handle(request),
    page: graphiqlPage,
  });
  registerRestRoutes(app, services);
  app.server.on('upgrade', (request, socket, head) => {
    // Node takes its own listener away here, and an error that nobody hears ends the process.
    socket.on('error', () => socket.destroy());
    const path = request.url?.split('?')[0];
    if (path === '/graphql') sockets.upgrade(request, socket, head);
    else socket.destroy();
  });
}

async function addWorker(
  config: ServerConfig,
  services: Services,
  closers: (() => Promise<void> | void)[],
): Promise<void> {
  const { logger, registry } = services;
  await startLedger(config, services, closers);
  const sandbox = new SandboxPool({ size: config.sandboxes, maxCastsPerProcess: CASTS_PER_PROCESS_MAX });
  await sandbox.start();
  logger.info({ isolation: sandbox.isolation }, 'sandbox started');
  closers.push(() => sandbox.stop());
  registerSandboxMetrics(registry, sandbox);
  const worker = new CastWorker({
    ...services,
    sandbox,
    attemptsMax: config.attemptsMax,
    sandboxes: config.sandboxes,
  });
  await worker.start();
  closers.push(() => worker.stop());
  const jobs = new JobWorker({
    redisUrl: config.redisUrl,
    name: QUEUE_NAME,
    prefix: config.redisPrefix,
    concurrency: () => worker.castsInHand,
    places: () => worker.ownCastsInHand,
    logger,
    run: (castId) => worker.run(castId),
  });
  services.ownWorker.use(worker, () => jobs.takePlace());
  closers.push(() => jobs.close(true));
}

/** Each worker could continue the ledger, and each verifies again what is in it. */
async function startLedger(
  config: ServerConfig,
  services: Services,
  closers: (() => Promise<void> | void)[],
): Promise<void> {
  const keys = { signers: services.receiptSigners, retired: config.ledgerRetiredKeys.map(parseVerifierKey) };
  await confirmRetiredKeys(services.database, { origin: config.ledgerOrigin, keys });
  const metrics = new LedgerMetrics(services.registry);
  const sequencer = new Sequencer({
    ...services,
    metrics,
    origin: config.ledgerOrigin,
    keys,
  });
  sequencer.start();
  closers.push(() => sequencer.stop());
  const checker = new LogChecker({ ...services, metrics, origin: config.ledgerOrigin, keys });
  checker.start();
  closers.push(() => checker.stop());
}

/** The GraphQL schema with its resolvers. Tools that only print the schema pass services that are never called. */
export function createSchema(services: Services): GraphQLSchema {
  const castDeps: CastDeps = services;
  const spellDeps: SpellDeps = services;
  return buildGraphqlSchema(
    new Map<Function, object>([
      [AccountResolver, new AccountResolver(services)],
      [ApiKeyResolver, new ApiKeyResolver(services)],
      [SpellResolver, new SpellResolver(spellDeps)],
      [SpellVersionResolver, new SpellVersionResolver(services)],
      [AccountSpellsResolver, new AccountSpellsResolver(services)],
      [CastResolver, new CastResolver(castDeps)],
      [CastFinishedResolver, new CastFinishedResolver(services)],
      [AccountCastsResolver, new AccountCastsResolver(services)],
      [BudgetResolver, new BudgetResolver(services)],
      [UsageResolver, new UsageResolver(services)],
      [LedgerResolver, new LedgerResolver(services)],
      [NodeResolver, new NodeResolver(nodeFinders(services))],
    ]),
  );
}

function mayRead(principal: Principal, ...others: Scope[]): boolean {
  return (['admin', 'read', ...others] as const).some((scope) => principal.scopes.includes(scope));
}

/** How each noun looks an object up by id, for Relay's `node`. */
function nodeFinders({ database, clock }: Services): FindNode[] {
  return [
    async (principal, id) => {
      if (!mayRead(principal, 'cast')) return null;
      const budget = await findBudgetById(database, principal.accountId, clock.now(), id);
      return budget === null ? null : toBudgetType(budget);
    },
    async (principal, id) => {
      if (!mayRead(principal, 'cast')) return null;
      const cast = await findCast(database, principal.accountId, id);
      return cast === null ? null : toCastType(cast);
    },
    async (_principal, id) => {
      const [spell] = await loadSpells(database, [id]);
      return spell ? toSpellType(spell) : null;
    },
    async (_principal, id) => {
      const [version] = await loadVersions(database, [id]);
      return version ? toSpellVersionType(version) : null;
    },
    async (principal, id) => {
      if (!mayRead(principal)) return null;
      const key = await database
        .getRepository(ApiKeyEntity)
        .findOneBy({ id, accountId: principal.accountId });
      return key === null ? null : toApiKeyType(key);
    },
    async (principal, id) => {
      if (id !== principal.accountId) return null;
      const account = await database.getRepository(AccountEntity).findOneBy({ id });
      return account === null ? null : toAccountType(account);
    },
  ];
}

/** The OpenAPI description, from the routes themselves. Nothing is connected and no handler runs. */
export async function describeOpenApi(): Promise<unknown> {
  const registry = createRegistry('openapi');
  const logger = createLogger({ level: 'silent', name: 'openapi' });
  const services = {} as Services;
  const app = await createHttpServer({
    ...services,
    logger,
    registry,
    origins: new Origins([]),
    version: VERSION,
  });
  registerHealthRoutes(app, { version: VERSION, registry, checks: {} });
  registerRestRoutes(app, services);
  await app.ready();
  const description: unknown = app.swagger();
  await app.close();
  return description;
}

function registerRestRoutes(app: App, services: Services): void {
  registerKeyRoutes(app, services);
  registerSpellRoutes(app, services);
  registerCastRoutes(app, services);
  registerBudgetRoutes(app, services);
  registerLedgerRoutes(app, services);
  registerReceiptRoutes(app, services);
  registerOpenApiRoute(app);
}

export { systemClock, type Clock } from './clock.js';
export { newId, isId } from './ids.js';
export {
  AppError,
  ERROR_STATUS,
  badInput,
  errorText,
  notFound,
  toAppError,
  type ErrorCode,
  type InputProblem,
} from './errors.js';
export { orAfter } from './deadline.js';
export { sha256, isDigest, type Digest } from './digests.js';
export { JsonScanner } from './json-scanner.js';
export { createLogger, inRequestScope, requestScope, type Logger, type RequestScope } from './logging.js';
export {
  connectPostgres,
  migrate,
  queryRows,
  isLostRace,
  isStatementError,
  poolUsage,
  type DataSource,
  type EntityManager,
} from './postgres.js';
export { retryLostRace } from './retry-lost-race.js';
export { connectRedis, type Redis } from './redis.js';
export { PubSub } from './pubsub.js';
export { EventStreams, type StreamEntry } from './event-streams.js';
export { bodyBytes } from './stream-record.js';
export { JobQueue, JobWorker, type Place } from './queue.js';
export { Coalescer } from './coalesce.js';
export { RateLimit } from './rate-limit.js';
export { OutboxRelay, type OutboxRow } from './outbox.js';
export { BlobChanged, BlobStore } from './blobs.js';
export {
  Counter,
  Gauge,
  Histogram,
  Registry,
  LATENCY_BUCKETS_S,
  createRegistry,
  registerPoolMetrics,
} from './metrics.js';
export { BigIntScalar, DateTimeScalar, DigestScalar, JsonScalar } from './scalars.js';
export {
  Node,
  PAGE_MAX,
  PageInfo,
  connectionType,
  parsePage,
  toConnection,
  type Connection,
  type PageArgs,
} from './relay.js';
export { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.js';
export { startEmbeddedRedis, type EmbeddedRedis } from './embedded-redis.js';
export { isStorable, storableText } from './text.js';
export { StartError } from './start-error.js';
export { Places } from './places.js';

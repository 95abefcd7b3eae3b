import { Redis } from 'ioredis';
import type { Logger } from './logging.js';

export type { Redis };

/**
 * A connection that waits for Redis instead of failing: Redis holds hints, and a restart of it must
 * look like slowness, not like an error. Callers that cannot wait put their own deadline around a call.
 */
export function connectRedis(url: string, logger: Logger, name: string): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    connectionName: name,
    retryStrategy: (attempt) => Math.min(50 * attempt, RECONNECT_DELAY_MAX_MS),
    // Commands of the same turn of the event loop travel together.
    enableAutoPipelining: true,
  });
  redis.on('error', (error) => logger.warn({ connection: name, error: error.message }, 'redis connection'));
  return redis;
}

// Short, because every cast in flight waits for it.
const RECONNECT_DELAY_MAX_MS = 500;

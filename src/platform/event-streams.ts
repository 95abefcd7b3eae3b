import type { PubSub } from './pubsub.js';
import type { Redis } from './redis.js';

/** One entry: `id` is `<major>-<minor>`, a position that only rises; `head` is JSON, `body` raw bytes. */
export interface StreamEntry {
  id: string;
  head: Record<string, unknown>;
  body: Buffer | null;
}

/**
 * Append-only streams of events in Redis with a wake-up for whoever reads along.
 * Redis refuses an entry whose id is not above the last one, which fences a writer that was replaced.
 */
export class EventStreams {
  readonly #redis: Redis;
  readonly #pubsub: PubSub;
  readonly #prefix: string;

  constructor(options: { redis: Redis; pubsub: PubSub; prefix: string }) {
    this.#redis = options.redis;
    this.#pubsub = options.pubsub;
    this.#prefix = `${options.prefix}:stream:`;
  }

  /** Appends in order, wakes the readers, lets the stream live `ttlMs` longer. Answers which were refused. */
  async append(name: string, entries: StreamEntry[], ttlMs: number): Promise<{ refused: number }> {
    const key = this.#prefix + name;
    const pipeline = this.#redis.pipeline();
    for (const entry of entries) {
      const head = JSON.stringify(entry.head);
      if (entry.body === null) pipeline.xadd(key, entry.id, 'h', head);
      else pipeline.xadd(key, entry.id, 'h', head, 'b', entry.body);
    }
    pipeline.pexpire(key, ttlMs);
    pipeline.publish(this.#pubsub.channel(name), '');
    const results = (await pipeline.exec()) ?? [];
    const errors = results.slice(0, entries.length).flatMap(([error]) => (error ? [error] : []));
    const other = errors.find((error) => !error.message.includes(REFUSED_ID));
    if (other !== undefined) throw other;
    return { refused: errors.length };
  }

  /** Up to `count` entries after `afterId` (exclusive), oldest first. */
  async read(name: string, afterId: string, count: number): Promise<StreamEntry[]> {
    const rows = await this.#redis.xrangeBuffer(this.#prefix + name, `(${afterId}`, '+', 'COUNT', count);
    return rows.map(toEntry);
  }

  /** The newest entry, or null when the stream is empty, expired or lost. */
  async last(name: string): Promise<StreamEntry | null> {
    const rows = await this.#redis.xrevrangeBuffer(this.#prefix + name, '+', '-', 'COUNT', 1);
    return rows[0] === undefined ? null : toEntry(rows[0]);
  }

  /** Calls `wake` whenever something may have been appended, until the returned function is called. */
  listen(name: string, wake: () => void): Promise<() => void> {
    return this.#pubsub.subscribe(name, wake);
  }
}

// The start of Redis' own words for "this id is not above the last one".
const REFUSED_ID = 'The ID specified in XADD is equal or smaller';

function toEntry([id, fields]: [Buffer, Buffer[]]): StreamEntry {
  const [, head, , body] = fields;
  return {
    id: id.toString(),
    head: JSON.parse((head ?? Buffer.from('{}')).toString()) as Record<string, unknown>,
    body: body ?? null,
  };
}

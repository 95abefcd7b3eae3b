import { randomUUID } from 'node:crypto';
import { Coalescer } from './coalesce.js';
import type { PubSub } from './pubsub.js';
import type { Redis } from './redis.js';
import {
  bodyBytes,
  fromMessage,
  fromRecord,
  isMessageOf,
  isTold,
  toMessage,
  toRecords,
  type StreamEntry,
} from './stream-record.js';

export type { StreamEntry };

interface Append {
  name: string;
  entries: StreamEntry[];
  /** Entries that are only told and not stored. */
  isStored: boolean;
  ttlMs: number | null;
}

type Appended = { refused: number } | { error: Error };

/** Told what was appended, or null when something may have been missed: then only the stream itself knows. */
type Hear = (entries: StreamEntry[] | null) => void;

// The one channel of all streams: who listens to any hears of all, in few messages with many streams each. That costs
// a lookup for each stream nobody here follows, and saves two commands and a round trip for each that somebody does.
const CHANNEL = 'streams';
// How long the channel is kept when nobody listens any more.
const UNHEARD_MS = 10_000;
const BATCH_APPENDS_MAX = 256;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
// One is on its way while the next is written.
const BATCHES_AT_ONCE = 4;
// Longer would be noticed by who watches a guest write.
const BATCH_SPACING = { leastMs: 8, mostMs: 12 };
// Far more than the casts of a process; each of them waits for its own answer before it appends again.
const WAITING_APPENDS_MAX = 100_000;

/**
 * Append-only streams of events in Redis, which push what is appended to whoever listens. Redis refuses an entry whose
 * id is not above the last one, which fences a writer that was replaced; what was refused is not pushed either.
 * What is pushed may be lost and is only a hint: whoever listens looks into the stream where something is missing.
 */
export class EventStreams {
  readonly #redis: Redis;
  readonly #pubsub: PubSub;
  readonly #prefix: string;
  readonly #writer = randomUUID();
  readonly #appends: Coalescer<Append, Appended>;
  readonly #listeners = new Map<string, Set<Hear>>();
  #channel: Promise<(() => void) | null> | null = null;
  #isHeard = false;
  #leaving: NodeJS.Timeout | null = null;

  constructor(options: { redis: Redis; pubsub: PubSub; prefix: string }) {
    this.#redis = options.redis;
    this.#pubsub = options.pubsub;
    this.#prefix = `${options.prefix}:stream:`;
    this.#appends = new Coalescer({
      runBatch: (appends) => this.#appendBatch(appends),
      itemsMax: BATCH_APPENDS_MAX,
      bytesMax: BATCH_BYTES_MAX,
      bytesOf: ({ entries }) => bodyBytes(entries),
      batchesMax: BATCHES_AT_ONCE,
      spacing: BATCH_SPACING,
      waitingMax: WAITING_APPENDS_MAX,
      isItemsFault: () => false,
    });
    // Redis that has just come back, empty perhaps, is marked before anybody writes to it.
    this.#redis.on('ready', () => void this.unbrokenSinceMs().catch(() => undefined));
  }

  /**
   * Appends in order and tells the listeners. The stream then lives `ttlMs` longer; null leaves that as it is. Answers
   * how many records were refused.
   */
  async append(name: string, entries: StreamEntry[], ttlMs: number | null): Promise<{ refused: number }> {
    const appended = await this.#appends.submit({ name, entries, isStored: true, ttlMs });
    if ('error' in appended) throw appended.error;
    return appended;
  }

  /**
   * Tells the listeners of an entry that is not stored, because it can be had from elsewhere. What is stored lives
   * `ttlMs` longer; null leaves that as it is.
   */
  async tell(name: string, entry: StreamEntry, ttlMs: number | null): Promise<void> {
    // Who listens here need not wait until Redis has told everybody else.
    this.#tellHere(name, [entry]);
    const told = await this.#appends.submit({ name, entries: [entry], isStored: false, ttlMs });
    if ('error' in told) throw told.error;
  }

  /** Entries after `afterId` (exclusive), oldest first, of up to `count` records. */
  async read(name: string, afterId: string, count: number): Promise<StreamEntry[]> {
    const rows = await this.#redis.xrangeBuffer(this.#prefix + name, `(${afterId}`, '+', 'COUNT', count);
    return rows.flatMap(fromRecord).filter(({ id }) => isAbove(id, afterId));
  }

  /** The newest entry, or null when the stream is empty, expired or lost. */
  async last(name: string): Promise<StreamEntry | null> {
    const rows = await this.#redis.xrevrangeBuffer(this.#prefix + name, '+', '-', 'COUNT', 1);
    return rows[0] === undefined ? null : (fromRecord(rows[0]).at(-1) ?? null);
  }

  /**
   * Since when, at the latest, Redis has lost nothing: it runs since then, and so long nobody has emptied it. What was
   * written later is still there unless it has expired.
   */
  async unbrokenSinceMs(): Promise<number> {
    const key = `${this.#prefix}unbroken-since`;
    const results = await this.#redis.pipeline().setnx(key, Date.now()).get(key).info('server').exec();
    const [markedAtMs, info] = [results?.[1]?.[1], results?.[2]?.[1]];
    const [, uptimeSeconds] = /uptime_in_seconds:(\d+)/.exec(String(info)) ?? [];
    // Unknown counts as lost just now. The uptime is rounded down, which makes the start seem later: the safe side.
    if (typeof markedAtMs !== 'string' || uptimeSeconds === undefined) return Date.now();
    return Math.max(Number(markedAtMs), Date.now() - Number(uptimeSeconds) * 1_000);
  }

  /** Listens until `stop` is called. From `ready` on nothing that is appended goes unheard but by a loss. */
  listen(name: string, hear: Hear): { isReady: boolean; ready: Promise<boolean>; stop: () => void } {
    if (this.#leaving !== null) clearTimeout(this.#leaving);
    this.#leaving = null;
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(hear));
    this.#channel ??= this.#openChannel();
    const ready = this.#channel.then((leave) => leave !== null);
    return { isReady: this.#isHeard, ready, stop: () => this.#stopListening(name, hear) };
  }

  /** Null when Redis refused; the next who listens tries again. */
  async #openChannel(): Promise<(() => void) | null> {
    try {
      const leave = await this.#pubsub.subscribe(CHANNEL, (message) => this.#hear(message));
      this.#isHeard = true;
      return leave;
    } catch {
      this.#channel = null;
      return null;
    }
  }

  #stopListening(name: string, hear: Hear): void {
    const listeners = this.#listeners.get(name);
    listeners?.delete(hear);
    if (listeners?.size === 0) this.#listeners.delete(name);
    if (this.#listeners.size > 0 || this.#leaving !== null) return;
    this.#leaving = setTimeout(() => {
      this.#leaving = null;
      const channel = this.#channel;
      this.#channel = null;
      this.#isHeard = false;
      void channel?.then((leave) => leave?.());
    }, UNHEARD_MS).unref();
  }

  #tellHere(name: string, entries: StreamEntry[]): void {
    for (const hear of this.#listeners.get(name) ?? []) hear(isTold(entries) ? entries : null);
  }

  #hear(message: string): void {
    // After a reconnect nobody knows what was said meanwhile.
    if (message === '') {
      for (const listeners of this.#listeners.values()) for (const hear of listeners) hear(null);
      return;
    }
    // Who listens here has been told already.
    if (isMessageOf(this.#writer, message)) return;
    for (const { name, entries } of fromMessage(message, (name) => this.#listeners.has(name)))
      for (const hear of this.#listeners.get(name) ?? []) hear(entries);
  }

  /** Everything in one pipeline; then one message tells of all that Redis took. */
  async #appendBatch(appends: Append[]): Promise<Appended[]> {
    const pipeline = this.#redis.pipeline();
    const counts = appends.map(({ name, entries, isStored, ttlMs }) => {
      const key = this.#prefix + name;
      const records = isStored ? toRecords(entries) : [];
      for (const { id, head, body } of records) {
        if (body === null) pipeline.xadd(key, id, 'h', head);
        else pipeline.xadd(key, id, 'h', head, 'b', body);
      }
      if (ttlMs !== null) pipeline.pexpire(key, ttlMs);
      return { records: records.length, commands: records.length + (ttlMs === null ? 0 : 1) };
    });
    const results = pipeline.length === 0 ? [] : ((await pipeline.exec()) ?? []);
    let at = 0;
    const appended = counts.map(({ records, commands }): Appended => {
      const errors = results.slice(at, at + records).flatMap(([error]) => (error === null ? [] : [error]));
      at += commands;
      const other = errors.find((error) => !error.message.includes(REFUSED_ID));
      return other === undefined ? { refused: errors.length } : { error: other };
    });
    const taken = appends.filter((_append, index) => {
      const answer = appended[index];
      return answer !== undefined && 'refused' in answer && answer.refused === 0;
    });
    if (taken.length === 0) return appended;
    for (const { name, entries, isStored } of taken) if (isStored) this.#tellHere(name, entries);
    // Lost or not, the entries are stored; and the writer need not wait until everybody has heard of them.
    this.#pubsub.publish(CHANNEL, toMessage(this.#writer, taken)).catch(() => undefined);
    return appended;
  }
}

// The start of Redis' own words for "this id is not above the last one".
const REFUSED_ID = 'The ID specified in XADD is equal or smaller';

function isAbove(id: string, other: string): boolean {
  const [major = 0, minor = 0] = id.split('-').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('-').map(Number);
  return major > otherMajor || (major === otherMajor && minor > otherMinor);
}

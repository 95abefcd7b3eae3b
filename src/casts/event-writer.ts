import { errorText, orAfter, type Clock, type EventStreams, type Logger } from '../platform/index.js';
import { EVENTS_KEPT_MS, cursorAt } from './cast.js';
import { incompleteTail, streamName, toStreamEntry, type CastEvent } from './cast-events.js';

// One pipeline to Redis carries at most this much: large enough to keep up with a fast guest, small enough
// that a neighbour's wake-up is not stuck behind it.
const BATCH_EVENTS_MAX = 256;
const BATCH_BYTES_MAX = 1024 * 1024;
// What one event carries at most, as docs/PROTOCOL.md says.
const PIECE_BYTES_MAX = 64 * 1024;
// How long a cast that has ended waits for Redis to take any of its last events before it is settled without them.
const FLUSH_DEADLINE_MS = 5_000;
const RETRY_DELAY_MS = 100;
// Events wait this long for company, so that a short cast costs one round trip instead of one for each event.
const GATHER_MS = 3;

// Streams are made to live this much longer than they must, so that not every batch has to say it again.
const EXPIRY_SLACK_MS = 300_000;

type Kind = 'output' | 'log';

/**
 * Writes the events of one attempt in order. While one batch is on its way to Redis the next gathers,
 * so a quiet guest is heard within milliseconds and a loud one costs few round trips.
 */
export class EventWriter {
  readonly #streams: EventStreams;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #castId: string;
  readonly #attempt: number;
  readonly #tails: Record<Kind, Buffer> = { output: Buffer.alloc(0), log: Buffer.alloc(0) };
  #waiting: CastEvent[] = [];
  #writing: Promise<void> | null = null;
  #place = 0;
  #sequence: number;
  #writtenSequence: number;
  #isGivenUp = false;
  #batchesWritten = 0;
  #expirySetAtMs = -Infinity;
  #isFlushing = false;
  #endGathering: () => void = () => undefined;

  constructor(options: {
    streams: EventStreams;
    clock: Clock;
    logger: Logger;
    castId: string;
    attempt: number;
    lastSequence: number;
  }) {
    this.#streams = options.streams;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#castId = options.castId;
    this.#attempt = options.attempt;
    this.#sequence = options.lastSequence;
    this.#writtenSequence = options.lastSequence;
  }

  /** The number of the last event that was given one. */
  get lastSequence(): number {
    return this.#sequence;
  }

  /** The number of the last event that Redis has: an attempt that takes over goes on from there, without a gap. */
  get writtenSequence(): number {
    return this.#writtenSequence;
  }

  started(): void {
    this.#push({ type: 'started', ...this.#nextPlace() });
  }

  retried(reason: string): void {
    this.#push({ type: 'retried', reason, ...this.#nextPlace() });
  }

  output(chunk: Buffer): void {
    this.#pushBytes('output', chunk);
  }

  log(chunk: Buffer): void {
    this.#pushBytes('log', chunk);
  }

  /** Sends what is left, also a character that was cut off, and waits until Redis has it or the deadline passed. */
  async flush(): Promise<void> {
    for (const kind of ['output', 'log'] as const) {
      const tail = this.#tails[kind];
      this.#tails[kind] = Buffer.alloc(0);
      if (tail.length > 0) this.#push({ type: kind, bytes: tail, ...this.#nextPlace() });
    }
    this.#isFlushing = true;
    this.#endGathering();
    // A command to a Redis that is away neither fails nor returns, so the deadline stands beside it; while batches go
    // through, however slowly, nothing is given up.
    for (;;) {
      const before = this.#batchesWritten;
      const writing = this.#writing?.then(() => true) ?? Promise.resolve(true);
      if (await orAfter(writing, FLUSH_DEADLINE_MS, false)) return;
      if (this.#batchesWritten === before) break;
    }
    this.#isGivenUp = true;
  }

  /**
   * Tells that the cast is final, once it is. The event is not stored: whoever misses it reads the final state from
   * PostgreSQL. What is stored is kept for its time from now on.
   */
  async finish(event: CastEvent, keptMs: number): Promise<void> {
    const isKeptLongEnough = keptMs === EVENTS_KEPT_MS && this.#dueExpiryMs() === null;
    await this.#streams.tell(
      streamName(this.#castId),
      toStreamEntry(event),
      isKeptLongEnough ? null : keptMs,
    );
  }

  /** Ends the attempt's writing for good: what Redis has not taken by now it will not be offered again. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  #pushBytes(kind: Kind, chunk: Buffer): void {
    const bytes = this.#tails[kind].length === 0 ? chunk : Buffer.concat([this.#tails[kind], chunk]);
    const tailLength = incompleteTail(bytes);
    let whole = bytes.subarray(0, bytes.length - tailLength);
    this.#tails[kind] = bytes.subarray(bytes.length - tailLength);
    while (whole.length > 0) {
      const piece = whole.subarray(0, PIECE_BYTES_MAX);
      const cut = whole.length > piece.length ? piece.length - incompleteTail(piece) : piece.length;
      this.#push({ type: kind, bytes: whole.subarray(0, cut), ...this.#nextPlace() });
      whole = whole.subarray(cut);
    }
  }

  #nextPlace(): { cursor: string; sequence: number; attempt: number; at: Date } {
    this.#place += 1;
    this.#sequence += 1;
    return {
      cursor: cursorAt(this.#attempt, this.#place),
      sequence: this.#sequence,
      attempt: this.#attempt,
      at: this.#clock.now(),
    };
  }

  #push(event: CastEvent): void {
    this.#waiting.push(event);
    this.#writing ??= this.#drain().finally(() => (this.#writing = null));
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#gather();
      const batch = this.#takeBatch();
      await this.#append(batch.map(toStreamEntry), batch.at(-1)?.sequence ?? this.#writtenSequence);
    }
  }

  async #gather(): Promise<void> {
    if (this.#isFlushing) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GATHER_MS);
      this.#endGathering = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #append(entries: ReturnType<typeof toStreamEntry>[], lastSequence: number): Promise<void> {
    for (;;) {
      if (this.#isGivenUp) return;
      try {
        await this.#streams.append(streamName(this.#castId), entries, this.#dueExpiryMs());
        this.#batchesWritten += 1;
        this.#writtenSequence = lastSequence;
        return;
      } catch (error) {
        this.#expirySetAtMs = -Infinity;
        this.#logger.warn({ castId: this.#castId, error: errorText(error) }, 'events wait for redis');
        await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS));
      }
    }
  }

  /** How much longer the stream shall live; null while what was said before still covers it. */
  #dueExpiryMs(): number | null {
    const nowMs = performance.now();
    if (nowMs - this.#expirySetAtMs < EXPIRY_SLACK_MS / 2) return null;
    this.#expirySetAtMs = nowMs;
    return EVENTS_KEPT_MS + EXPIRY_SLACK_MS;
  }

  #takeBatch(): CastEvent[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX) {
      const event = this.#waiting[count];
      bytes += event !== undefined && 'bytes' in event ? event.bytes.length : 0;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}

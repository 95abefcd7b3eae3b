import type { EventStreams } from '../platform/index.js';
import type { CastEntity } from './cast.entity.js';
import { streamName } from './cast-events.js';
import { EventTail } from './event-tail.js';

/** A cast that was listened to before it was committed: nothing it has said is missing. */
export interface FreshCast {
  cast: CastEntity;
  tail: EventTail;
  stopListening: () => void;
}

type Listening = Omit<FreshCast, 'cast'>;

// Who casts and watches asks for the events in the next moment.
const KEPT_MS = 1_000;
// Each holds at most what a tail holds, and mostly three small events. At a thousand casts a second none goes early.
const KEPT_MAX = 2_000;

/**
 * The casts that this process has accepted in the last moment. Who watches one of them reads neither its row nor its
 * stream: everything there is to know of it has been heard.
 */
export class FreshCasts {
  readonly #streams: EventStreams;
  // In the order of their acceptance, which is also that of their age.
  readonly #kept = new Map<string, FreshCast & { atMs: number }>();
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: { streams: EventStreams }) {
    this.#streams = deps.streams;
  }

  /** Before the cast is accepted. Null while the channel is not open: then something could go unheard. */
  listen(castId: string): Listening | null {
    const tail = new EventTail();
    const { isReady, stop } = this.#streams.listen(streamName(castId), (entries) => tail.hear(entries));
    if (!isReady) {
      stop();
      return null;
    }
    tail.closeGap();
    return { tail, stopListening: stop };
  }

  /** The cast was accepted. */
  keep(cast: CastEntity, listening: Listening): void {
    this.#kept.set(cast.id, { cast, ...listening, atMs: performance.now() });
    if (this.#kept.size > KEPT_MAX) this.#dropOldest();
    this.#timer ??= setInterval(() => this.#dropAged(), KEPT_MS).unref();
  }

  /** For the first who watches it; the next one finds it like any other cast. */
  take(accountId: string, castId: string): FreshCast | null {
    const fresh = this.#kept.get(castId);
    if (fresh === undefined || fresh.cast.accountId !== accountId) return null;
    this.#kept.delete(castId);
    return fresh;
  }

  stop(): void {
    while (this.#kept.size > 0) this.#dropOldest();
    this.#rest();
  }

  #dropAged(): void {
    const agedMs = performance.now() - KEPT_MS;
    for (const { atMs } of this.#kept.values()) {
      if (atMs > agedMs) return;
      this.#dropOldest();
    }
    this.#rest();
  }

  #rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #dropOldest(): void {
    for (const [castId, { stopListening }] of this.#kept) {
      this.#kept.delete(castId);
      stopListening();
      return;
    }
  }
}

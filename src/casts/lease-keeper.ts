import { errorText, type DataSource, type Digest, type Logger } from '../platform/index.js';
import { HEARTBEAT_MS, LEASE_MS } from './cast.js';
import { giveUpLease, renewLeases } from './cast-store.js';
import type { ClaimAhead } from './claim-ahead.js';
import type { EventWriter } from './event-writer.js';

/** A cast that a worker has in hand. */
export interface RunningCast {
  attempt: number;
  events: EventWriter;
  cancel: AbortController;
  /** When it was claimed, and when it got its sandbox, on this process's own clock. */
  claimedAtMs: number;
  begunAtMs: number | null;
  /** Of what its guest was given, once it was. */
  inputDigest: Digest | null;
  /** When the lease was last known to be good, on this process's own clock. */
  renewedAtMs: number;
  /** Set when the lease is somebody else's or given back: nothing more is written for this cast. */
  isFenced: boolean;
}

// A lease that was not renewed for so long, because its row was locked at each beat, is tried more often.
const LATE_AFTER_MS = 3 * HEARTBEAT_MS;
const LATE_AGAIN_MS = 50;
// A cast that waits so long for a sandbox here may be begun sooner elsewhere.
const STUCK_AFTER_MS = 1_000;

/** Keeps the leases of what a worker has in hand, stops what it has lost, and gives back what is stuck. */
export class LeaseKeeper {
  readonly #database: DataSource;
  readonly #logger: Logger;
  readonly #running: ReadonlyMap<string, RunningCast>;
  readonly #ahead: ClaimAhead;
  readonly #sandboxes: number;
  #timer: NodeJS.Timeout | null = null;
  #again: NodeJS.Timeout | null = null;

  constructor(options: {
    database: DataSource;
    logger: Logger;
    running: ReadonlyMap<string, RunningCast>;
    ahead: ClaimAhead;
    sandboxes: number;
  }) {
    this.#database = options.database;
    this.#logger = options.logger;
    this.#running = options.running;
    this.#ahead = options.ahead;
    this.#sandboxes = options.sandboxes;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#beat(), HEARTBEAT_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#again !== null) clearTimeout(this.#again);
  }

  async #beat(): Promise<void> {
    this.#giveBackStuck();
    const beats = [...this.#running]
      .filter(([, cast]) => !cast.isFenced)
      .map(([id, cast]) => ({ id, attempt: cast.attempt, lastSequence: cast.events.writtenSequence }));
    if (beats.length === 0) return;
    try {
      const renewed = await renewLeases(this.#database, beats, LEASE_MS);
      for (const { id, attempt } of beats) {
        const cast = this.#running.get(id);
        const lease = renewed.get(id);
        if (cast === undefined || cast.attempt !== attempt || cast.isFenced) continue;
        // Our own settlement on its way looks the same from here; the database decides which of the two it was.
        cast.isFenced = lease === undefined;
        if (lease?.isRenewed === true) cast.renewedAtMs = performance.now();
        if (lease === undefined || lease.isCancelRequested) cast.cancel.abort();
      }
      this.#fenceOverdue();
      this.#beatSoonIfLate();
    } catch (error) {
      this.#logger.warn({ error: errorText(error), running: beats.length }, 'leases not renewed');
      this.#fenceOverdue();
    }
  }

  /** A settlement that waits for a lock of its own holds the row most of the time, but not all of it. */
  #beatSoonIfLate(): void {
    const lateMs = performance.now() - LATE_AFTER_MS;
    const isLate = [...this.#running.values()].some((cast) => !cast.isFenced && cast.renewedAtMs < lateMs);
    if (!isLate || this.#timer === null) return;
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.#beat(), LATE_AGAIN_MS);
  }

  /** Without PostgreSQL, or while its row is locked, a lease runs out unseen: what may be somebody else's by now is stopped before it writes more. */
  #fenceOverdue(): void {
    for (const cast of this.#running.values()) {
      if (performance.now() - cast.renewedAtMs < LEASE_MS - HEARTBEAT_MS) continue;
      cast.isFenced = true;
      cast.cancel.abort();
    }
  }

  /**
   * Casts that were claimed while casts were short, and are now stuck behind long ones, go back: the next sweep offers
   * them to every worker. Each is given back at most once, and one for each sandbox stays, so that no sandbox waits.
   */
  #giveBackStuck(): void {
    const nowMs = performance.now();
    const waiting: [string, RunningCast][] = [];
    for (const [id, cast] of this.#running) {
      if (cast.begunAtMs === null) waiting.push([id, cast]);
      else if (nowMs - cast.begunAtMs > HEARTBEAT_MS) this.#ahead.observe(nowMs - cast.begunAtMs);
    }
    for (const [id, cast] of waiting.slice(this.#sandboxes)) {
      if (cast.attempt > 1 || cast.isFenced || nowMs - cast.claimedAtMs < STUCK_AFTER_MS) continue;
      cast.isFenced = true;
      cast.cancel.abort();
      giveUpLease(this.#database, id, cast.attempt).catch((error: unknown) =>
        // The lease then ends by itself.
        this.#logger.warn({ castId: id, error: errorText(error) }, 'cast not given back'),
      );
    }
  }
}

import {
  errorText,
  orAfter,
  type Clock,
  type DataSource,
  type EventStreams,
  type JobQueue,
  type Logger,
} from '../platform/index.js';
import type { VersionResolver } from '../spells/index.js';
import { EVENTS_KEPT_MS, type CastErrorCode } from './cast.js';
import { finishedEvent, streamName, toStreamEntry } from './cast-events.js';
import { chargeWithoutWorker } from './charge-without-worker.js';
import type { CastMetrics } from './cast-metrics.js';
import { findOverdueCasts, findWaitingCasts, type OverdueCast } from './cast-store.js';
import { findLastSequence } from './last-sequence.js';
import { readRunTerms } from './run-terms.js';
import { NOTHING_RAN, type CastSettlements } from './settle-casts.js';

export interface SweepDeps {
  database: DataSource;
  queue: JobQueue;
  streams: EventStreams;
  settlements: CastSettlements;
  versions: VersionResolver;
  clock: Clock;
  logger: Logger;
  metrics: CastMetrics;
  attemptsMax: number;
}

const SWEEP_EVERY_MS = 1_000;
const STOP_WITHIN_MS = 1_000;
// A cast that has waited this long may have lost its job; adding a job that exists changes nothing.
const SUSPICIOUS_AFTER_MS = 3_000;
// Bounds one sweep; what is left is looked at in the next.
const SWEEP_ROWS_MAX = 500;

/**
 * Makes PostgreSQL's word come true: queued casts without a job get one, running casts without a worker are
 * given to another or, after their last attempt, ended. Every process may sweep at the same time, because
 * adding a job and settling an attempt both happen at most once.
 */
export class CastSweeper {
  readonly #deps: SweepDeps;
  #timer: NodeJS.Timeout | null = null;
  #working: Promise<void> | null = null;
  #waitingAfterId: string | null = null;

  constructor(deps: SweepDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#working ??= this.sweep().finally(() => (this.#working = null));
    }, SWEEP_EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    // It may wait for a Redis that is away; a stop does not.
    await orAfter(this.#working ?? Promise.resolve(), STOP_WITHIN_MS, undefined);
  }

  async sweep(): Promise<void> {
    try {
      await this.#sweepOverdue();
      await this.#sweepWaiting();
    } catch (error) {
      this.#deps.logger.warn({ error: errorText(error) }, 'sweep broke off');
    }
  }

  async #sweepOverdue(): Promise<void> {
    const overdue = await findOverdueCasts(this.#deps.database, SWEEP_ROWS_MAX);
    const mayRunAgain = ({ isCancelRequested, attempts }: OverdueCast) =>
      !isCancelRequested && attempts < this.#deps.attemptsMax;
    // First, because these run on at once, while ending the others takes a while or fails.
    await this.#deps.queue.addAll(overdue.filter(mayRunAgain).map(({ id }) => id));
    for (const cast of overdue.filter((one) => !mayRunAgain(one))) {
      await this.#end(cast).catch((error: unknown) =>
        // The next sweep finds it again; the casts after it are not kept waiting.
        this.#deps.logger.warn({ castId: cast.id, error: errorText(error) }, 'overdue cast not ended'),
      );
    }
  }

  async #sweepWaiting(): Promise<void> {
    const queuedBefore = new Date(this.#deps.clock.now().getTime() - SUSPICIOUS_AFTER_MS);
    const ids = await findWaitingCasts(this.#deps.database, {
      queuedBefore,
      afterId: this.#waitingAfterId,
      limit: SWEEP_ROWS_MAX,
    });
    await this.#deps.queue.addAll(ids);
    this.#waitingAfterId = ids.length === SWEEP_ROWS_MAX ? (ids.at(-1) ?? null) : null;
  }

  /** Ends a cast whose worker is gone: canceled when that was asked for, else failed as WORKER_LOST. */
  async #end(cast: OverdueCast): Promise<void> {
    const code: CastErrorCode | null = cast.isCancelRequested ? null : 'WORKER_LOST';
    const { settlements, streams, clock, metrics, logger } = this.#deps;
    const message = `${cast.attempts} attempts lost their worker`;
    const status = code === null ? ('CANCELED' as const) : ('FAILED' as const);
    const terms = await readRunTerms(this.#deps, cast.id);
    const error = code === null ? null : { code, message };
    const settlement = {
      id: cast.id,
      accountId: cast.accountId,
      attempt: cast.attempts,
      from: 'RUNNING' as const,
      status,
      finishedAt: clock.now(),
      terms,
      ...NOTHING_RAN,
      error,
      costMicros: chargeWithoutWorker(terms, { status, error }),
      finalSequence: (await findLastSequence(streams, cast)) + 1,
    };
    if (!(await settlements.settle(settlement))) return;
    metrics.settled.inc({ status, code: code ?? '' });
    logger.warn({ castId: cast.id, attempts: cast.attempts, status }, 'cast ended without its worker');
    const event = finishedEvent({ ...settlement, attempts: cast.attempts }, null);
    // A courtesy: whoever misses it reads the row. A Redis that is away must not keep the next cast from its end.
    streams
      .append(streamName(cast.id), [toStreamEntry(event)], EVENTS_KEPT_MS)
      .catch((error: unknown) =>
        logger.warn({ castId: cast.id, error: errorText(error) }, 'final event not written'),
      );
  }
}

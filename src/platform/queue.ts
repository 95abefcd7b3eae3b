import { Queue, Worker } from 'bullmq';
import { outsideRequestScope, type Logger } from './logging.js';
import { connectRedis, type Redis } from './redis.js';

/**
 * A queue of ids over BullMQ. A job says only "look at this row": its id is the row's id, so adding it
 * twice is adding it once, and losing it loses nothing that PostgreSQL does not still know.
 */
export class JobQueue {
  readonly #queue: Queue;

  constructor(options: { redis: Redis; name: string; prefix: string; logger: Logger }) {
    this.#queue = new Queue(options.name, {
      connection: options.redis,
      prefix: options.prefix,
      skipMetasUpdate: true,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true, attempts: 1 },
    });
    this.#queue.on('error', (error) => options.logger.warn({ error: error.message }, 'queue connection'));
  }

  async addAll(ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#queue.addBulk(ids.map((id) => ({ name: 'run', data: {}, opts: { jobId: id } })));
  }

  /** Takes jobs out that nobody works on yet. A job that is being worked on stays. */
  async removeWaiting(id: string): Promise<void> {
    await this.#queue.remove(id).catch(() => undefined);
  }

  async depth(): Promise<{ waiting: number; active: number }> {
    const counts = await this.#queue.getJobCounts('waiting', 'active');
    return { waiting: counts['waiting'] ?? 0, active: counts['active'] ?? 0 };
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

export interface JobWorkerOptions {
  redisUrl: string;
  name: string;
  prefix: string;
  /** How many jobs are worked on at once; asked again after each. */
  concurrency: () => number;
  /** Up to how many, those from the queue included, jobs that go past it are taken. */
  places: () => number;
  logger: Logger;
  run: (id: string) => Promise<void>;
}

// A killed worker's job is given out again after at most lock + check: BullMQ's own defaults take 60 s
// and fail the job for good at the second kill, so both are short and the count is out of the way. Who may
// really run a row is decided by the row, never by the queue.
const LOCK_DURATION_MS = 4_000;
const STALLED_CHECK_MS = 2_000;
const STALLED_COUNT_MAX = 1_000;
const DRAIN_DELAY_S = 2;
// While jobs come out of the queue so soon, those that go past it hold nobody up.
const SOON_MS = 100;
// The queue is asked all the time, so when nothing has come out of it for so long there is nothing in it.
const QUIET_MS = 500;

/** A place for a job that does not come through the queue. It is used once: to run the job, or given back. */
export interface Place {
  run(work: () => Promise<void>): void;
  giveBack(): void;
}

/** Works on jobs until closed. `run` must not throw: what it could not do, a sweep finds again. */
export class JobWorker {
  readonly #worker: Worker;
  readonly #redis: Redis;
  readonly #run: (id: string) => Promise<void>;
  readonly #concurrency: () => number;
  readonly #places: () => number;
  #queued = 0;
  #placed = 0;
  // How long the last job that came out of the queue had waited there, or 0 when there was nothing left; and when it came.
  #waitedMs = 0;
  #cameAtMs = 0;
  #isClosed = false;

  constructor(options: JobWorkerOptions) {
    this.#redis = connectRedis(options.redisUrl, options.logger, `${options.name}-worker`);
    this.#run = options.run;
    this.#concurrency = options.concurrency;
    this.#places = options.places;
    this.#worker = new Worker(
      options.name,
      (job) => this.#runQueued(job.id ?? '', Date.now() - job.timestamp),
      {
        connection: this.#redis,
        prefix: options.prefix,
        concurrency: options.concurrency(),
        lockDuration: LOCK_DURATION_MS,
        stalledInterval: STALLED_CHECK_MS,
        maxStalledCount: STALLED_COUNT_MAX,
        drainDelay: DRAIN_DELAY_S,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      },
    );
    this.#worker.on('drained', () => (this.#waitedMs = 0));
    this.#worker.on('error', (error) => options.logger.warn({ error: error.message }, 'job worker'));
    this.#worker.on('failed', (job, error) =>
      options.logger.error({ jobId: job?.id, error: error.message }, 'job failed'),
    );
  }

  /**
   * A place past the queue, if there is one and nobody in the queue waits for it. One is always kept for the queue, so
   * what is in it is noticed however many go past it; and when that has waited, all of them are kept for it.
   */
  takePlace(): Place | null {
    if (this.#isClosed || this.#hasWaiting() || this.#queued + this.#placed >= this.#places() - 1)
      return null;
    this.#placed += 1;
    this.#shareOut();
    const giveBack = () => {
      this.#placed -= 1;
      this.#shareOut();
    };
    return {
      // Begun from a request, it belongs to none.
      run: (work) => void outsideRequestScope(work).finally(giveBack),
      giveBack,
    };
  }

  #hasWaiting(): boolean {
    const isQuiet = this.#queued === 0 && performance.now() - this.#cameAtMs > QUIET_MS;
    return this.#waitedMs > SOON_MS && !isQuiet;
  }

  async #runQueued(id: string, waitedMs: number): Promise<void> {
    this.#waitedMs = waitedMs;
    this.#cameAtMs = performance.now();
    this.#queued += 1;
    await this.#run(id).finally(() => {
      this.#queued -= 1;
      this.#shareOut();
    });
  }

  #shareOut(): void {
    const jobs = Math.max(1, this.#concurrency() - this.#placed);
    if (jobs !== this.#worker.concurrency) this.#worker.concurrency = jobs;
  }

  /** Stops taking jobs. With `force`, does not wait for those being worked on. */
  async close(force: boolean): Promise<void> {
    this.#isClosed = true;
    await this.#worker.close(force);
    this.#redis.disconnect();
  }
}

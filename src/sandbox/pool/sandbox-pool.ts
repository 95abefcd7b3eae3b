import { SandboxStoppedError } from '../sandbox-errors.js';
import { assertRunnable, type SandboxOutcome, type SandboxRun, type SandboxVerdict } from '../sandbox-run.js';
import { buildRequest, loadMissing, warmStartBytes } from './build-request.js';
import { findOversize, findOversizeResources } from './oversize.js';
import type { SandboxIsolation } from './isolation.js';
import { ProcessCast } from './process-cast.js';
import { ProcessSet } from './process-set.js';
import { RunQueue } from './run-queue.js';
import type { SandboxProcess } from './sandbox-process.js';

export interface SandboxPoolOptions {
  /** How many casts run at the same time. */
  size: number;
  /** A process is replaced after this many casts, so that nothing can build up in one. */
  maxCastsPerProcess: number;
  /** Runs that may wait for a process; one more is refused with SandboxBusyError. */
  maxWaiting?: number;
  /** The most memory any run may ask for; the operating system holds each process to it. */
  maxGuestMemoryBytes?: number;
  /**
   * Processes beyond `size` (default 1): when a cast's process is killed, the next cast finds a warm one. Who runs a
   * single cast wants none.
   */
  spares?: number;
}

export interface SandboxPoolStats {
  size: number;
  idle: number;
  busy: number;
  waiting: number;
  spawned: number;
  /** Processes that have ended, whoever ended them. */
  killed: number;
}

/** A worker takes from its queue only what it can run, so a long line here means a caller that does not. */
const DEFAULT_MAX_WAITING = 1_000;
const DEFAULT_MAX_GUEST_MEMORY_BYTES = 1024 * 1024 * 1024;

const DEFAULT_SPARES = 1;

/** Runs casts in sandbox processes, each cast in a fresh instance, one cast at a time in each process. */
export class SandboxPool {
  readonly #size: number;
  readonly #maxGuestMemoryBytes: number;
  readonly #processes: ProcessSet;
  readonly #queue: RunQueue;
  #busy = 0;
  #isRunning = false;

  constructor(options: SandboxPoolOptions) {
    const { spares = DEFAULT_SPARES, ...positive } = options;
    assertPositiveIntegers(positive);
    if (!Number.isSafeInteger(spares) || spares < 0) throw new RangeError(`spares cannot be ${spares}.`);
    this.#size = options.size;
    this.#maxGuestMemoryBytes = options.maxGuestMemoryBytes ?? DEFAULT_MAX_GUEST_MEMORY_BYTES;
    this.#queue = new RunQueue(options.maxWaiting ?? DEFAULT_MAX_WAITING);
    this.#processes = new ProcessSet({
      count: options.size + spares,
      maxCastsPerProcess: options.maxCastsPerProcess,
      maxGuestMemoryBytes: this.#maxGuestMemoryBytes,
      onIdle: () => this.#dispatch(),
    });
  }

  /** Resolves when every process is ready. */
  async start(): Promise<void> {
    await this.#processes.start();
    this.#isRunning = true;
  }

  /**
   * Runs one cast. Rejects only for the caller's own faults: an impossible run, loaders or listeners that throw,
   * too many waiting runs, a pool that is not running.
   */
  async run(run: SandboxRun): Promise<SandboxOutcome> {
    if (!this.#isRunning) throw new SandboxStoppedError();
    assertRunnable(run, this.#maxGuestMemoryBytes);
    if (run.signal?.aborted) return notStarted({ kind: 'canceled' });
    const oversize = findOversize(run);
    if (oversize !== null) return notStarted(oversize);
    const waiting = this.#queue.wait(run);
    this.#dispatch();
    const process = await waiting;
    if (process === 'canceled') return notStarted({ kind: 'canceled' });
    if (process === 'stopped') return notStarted({ kind: 'lost', message: 'The sandbox pool was stopped.' });
    try {
      return await perform(run, process);
    } finally {
      this.#busy -= 1;
      this.#processes.giveBack(process);
      this.#dispatch();
    }
  }

  /** What the operating system adds to the isolation of the processes; null until the pool has started. */
  get isolation(): SandboxIsolation | null {
    return this.#processes.isolation;
  }

  stats(): SandboxPoolStats {
    const { length: waiting } = this.#queue;
    return {
      size: this.#size,
      idle: this.#processes.idleCount,
      busy: this.#busy,
      waiting,
      ...this.#processes.counts,
    };
  }

  /** Kills every process, running casts included (they end as lost), and waits until all are gone. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#queue.stopAll();
    await this.#processes.stop();
  }

  /** The only place that hands out processes. */
  #dispatch(): void {
    while (this.#queue.length > 0 && this.#busy < this.#size && this.#processes.idleCount > 0) {
      const next = this.#queue.first;
      const process = next && this.#processes.takeFor(next.run);
      if (next === undefined || process === undefined) return;
      this.#queue.removeFirst();
      this.#busy += 1;
      next.take(process);
    }
  }
}

async function perform(run: SandboxRun, process: SandboxProcess): Promise<SandboxOutcome> {
  const missing = await unlessAborted(loadMissing(run, process), run.signal);
  if (missing === null) return notStarted({ kind: 'canceled' });
  const oversize = findOversizeResources(run, missing.resources, process);
  if (oversize !== null) return notStarted(oversize);
  const startBytes = warmStartBytes(run, process, missing);
  const request = buildRequest(run, process, missing, startBytes !== null);
  const outcome = await new ProcessCast(run, process).perform(request, startBytes);
  process.busyMs += outcome.durationMs;
  // Such a process holds who knows what, and after a breach of memory who knows how much; a new one costs 80 ms of
  // nobody's time.
  if (outcome.kind === 'lost' || (outcome.kind === 'failed' && outcome.code === 'MEMORY_EXCEEDED'))
    process.kill();
  return outcome;
}

function assertPositiveIntegers(options: Omit<SandboxPoolOptions, 'spares'>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw new RangeError(`${name} must be a positive integer, but is ${value}.`);
    }
  }
}

/** A canceled run does not wait for a slow loader. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T | null> {
  if (signal === undefined) return work;
  const aborted = Promise.withResolvers<null>();
  const onAbort = (): void => aborted.resolve(null);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const result = await Promise.race([work, aborted.promise]);
    return signal.aborted ? null : result;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function notStarted(verdict: SandboxVerdict): SandboxOutcome {
  return { ...verdict, fuelUsed: null, memoryPeakBytes: 0, durationMs: 0 };
}

import {
  errorText,
  orAfter,
  queryRows,
  type Clock,
  type DataSource,
  type EntityManager,
  type Logger,
} from '../platform/index.js';
import type { LedgerMetrics } from './ledger-metrics.js';
import { readLogState, type LogState } from './log-state.js';
import { openCheckpoint, writeCheckpoint } from './note/checkpoint.js';
import type { PersonKeys } from './person-keys.js';
import { readCheckpoint } from './read-log.js';
import { enrolKeys, liveSigners, readVerifiers, type LogKeys } from './signing-keys.js';
import { BATCH_LOCK, endSilentLeader } from './end-silent-leader.js';
import { CHUNK_MAX, takeFacts } from './take-facts.js';
import { insertCheckpoint, writeBatch } from './write-batch.js';

export interface SequencerDeps {
  database: DataSource;
  clock: Clock;
  logger: Logger;
  people: PersonKeys;
  metrics: LedgerMetrics;
  /** The name of the log, the first line of its checkpoints. */
  origin: string;
  keys: LogKeys;
}

// Large enough that the costs of a transaction are shared by many, small enough to be done in a fraction of a second.
const BATCH_MAX = 4_000;
// The one that wrote last looks this often; a fact waits half of it on average.
const LEADER_LOOKS_EVERY_MS = 50;
// The others only look whether someone else is at work; twice this is how long a takeover takes.
const STANDBY_LOOKS_EVERY_MS = 250;
const AFTER_FAILURE_MS = 1_000;
// A leader that fell silent in the middle of a batch loses its transaction, and with it the lock, after this time.
const SILENT_MAX_MS = 3_000;
const STOP_WITHIN_MS = 5_000;
// Nobody holds a person's row for longer, except by hand; a batch that waits for it fails, says so and is tried again.
const LOCK_WAIT_MAX_MS = 1_000;

/**
 * Gives facts their place in the log. Every worker has one; the lock is held for one batch at a time, by whoever asks
 * first, and that one goes on while the others stand by. A kill at any moment ends a transaction and nothing else: the
 * next one goes on with the first batch that was not committed. See docs/decisions/0017.
 */
export class Sequencer {
  readonly #deps: SequencerDeps;
  #state: LogState | null = null;
  #isLeading = false;
  #oldestSeen: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #working: Promise<void> | null = null;
  #isStopped = false;

  constructor(deps: SequencerDeps) {
    this.#deps = deps;
  }

  /** Did this process write the last batch it knows of? */
  get isLeading(): boolean {
    return this.#isLeading;
  }

  start(): void {
    this.#lookAfter(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await orAfter(this.#working ?? Promise.resolve(), STOP_WITHIN_MS, undefined);
  }

  #lookAfter(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#working = this.#look().then(
        (waitMs) => this.#lookAfter(waitMs),
        (error: unknown) => this.#fail(error),
      );
    }, delayMs);
  }

  #fail(error: unknown): void {
    this.#deps.logger.error({ error: errorText(error) }, 'the ledger cannot be continued');
    this.#deps.metrics.failures.inc();
    this.#state = null;
    this.#isLeading = false;
    this.#lookAfter(AFTER_FAILURE_MS);
  }

  /** One look; answers after how many milliseconds the next one is due. */
  async #look(): Promise<number> {
    if (this.#state !== null && !(await this.#isDue()))
      return this.#isLeading ? LEADER_LOOKS_EVERY_MS : STANDBY_LOOKS_EVERY_MS;
    const count = await this.sequenceBatch();
    if (count === null) await this.#endSilentLeader();
    return count === BATCH_MAX ? 0 : count === null ? STANDBY_LOOKS_EVERY_MS : LEADER_LOOKS_EVERY_MS;
  }

  async #endSilentLeader(): Promise<void> {
    const { database, logger } = this.#deps;
    const pid = await endSilentLeader(database, SILENT_MAX_MS);
    if (pid !== null) logger.warn({ pid }, 'ended the session of a sequencer that fell silent in a batch');
  }

  /** Are there facts for this process? For one that stands by, only those that nobody has taken since its last look. */
  async #isDue(): Promise<boolean> {
    const [row] = await queryRows<{ id: string }>(
      this.#deps.database,
      'SELECT id FROM ledger_outbox ORDER BY id LIMIT 1',
    );
    const oldest = row?.id ?? null;
    const isLeftLying = oldest !== null && oldest === this.#oldestSeen;
    this.#oldestSeen = oldest;
    return this.#isLeading ? oldest !== null : isLeftLying;
  }

  /** Writes one batch; answers how many facts it took, or null when another process is writing one. */
  async sequenceBatch(): Promise<number | null> {
    const startedMs = performance.now();
    const done = await this.#deps.database.transaction(async (manager) => {
      await manager.query(
        `SET LOCAL idle_in_transaction_session_timeout = ${SILENT_MAX_MS}; SET LOCAL lock_timeout = ${LOCK_WAIT_MAX_MS}`,
      );
      const [row] = await queryRows<{ locked: boolean }>(
        manager,
        // The setting ends with the transaction; triggers let nobody write to the log without it.
        `SELECT pg_try_advisory_xact_lock($1) AS locked, set_config('spell.sequencing', 'on', true)`,
        [BATCH_LOCK],
      );
      if (row?.locked !== true) return null;
      const { state, isOwn } = await this.#currentState(manager);
      const facts = await takeFacts(manager, CHUNK_MAX);
      if (facts.length === 0) return { state, isOwn, count: 0 };
      const signers = await liveSigners(manager, this.#deps.keys.signers);
      const takeMax = BATCH_MAX - facts.length;
      return {
        state,
        isOwn,
        count: await writeBatch(manager, { ...this.#deps, state, facts, takeMax, signers }),
      };
    });
    if (done === null) {
      this.#isLeading = false;
      return null;
    }
    this.#state = done.state;
    // Who took over facts that nobody had taken goes on; who finds that another has written steps back for it.
    this.#isLeading = done.isOwn ? this.#isLeading || done.count > 0 : !this.#isLeading && done.count > 0;
    const { metrics } = this.#deps;
    if (done.count > 0) {
      metrics.sequenced.inc(done.count);
      metrics.batchSeconds.observe((performance.now() - startedMs) / 1_000);
    }
    return done.count;
  }

  /**
   * The state to append to: the remembered one (`isOwn`) when nobody has written since, else read again and checked. Whoever
   * begins the log is its first leader.
   */
  async #currentState(manager: EntityManager): Promise<{ state: LogState; isOwn: boolean }> {
    const head = await readCheckpoint(manager);
    if (head !== null && this.#state?.size === head.size) return { state: this.#state.copy(), isOwn: true };
    const { origin, keys, clock } = this.#deps;
    const size = head?.size ?? 0;
    await enrolKeys(manager, { keys, size, now: clock.now() });
    const state = await readLogState(manager, size);
    if (head === null) {
      const note = writeCheckpoint(
        { origin, size, root: state.root() },
        await liveSigners(manager, keys.signers),
      );
      await insertCheckpoint(manager, { size, previousSize: null, note, now: clock.now() });
      this.#isLeading = true;
      return { state, isOwn: true };
    }
    const opened = openCheckpoint(head.note, origin, await readVerifiers(manager, keys, size));
    if (!opened.ok) throw new Error(`the checkpoint of size ${size} is not ours: ${opened.reason}`);
    if (!opened.checkpoint.root.equals(state.root()))
      throw new Error(
        `the log was changed: its tiles do not have the root of the checkpoint of size ${size}`,
      );
    return { state, isOwn: false };
  }
}

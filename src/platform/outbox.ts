import { outsideRequestScope, type Logger } from './logging.js';
import { queryRows, type DataSource } from './postgres.js';
import { orAfter } from './deadline.js';
import { errorText } from './errors.js';

/** What a transaction wants to happen outside PostgreSQL once it has committed. Delivered at least once. */
export interface OutboxRow {
  id: string;
  topic: string;
  payload: Record<string, unknown>;
}

type Deliver = (rows: OutboxRow[]) => Promise<void>;

// One delivery carries at most this many rows: enough to keep Redis busy, small enough for one pipeline.
const BATCH_MAX = 200;
// A row this old was committed by a process that did not deliver it; anyone may.
const ORPHAN_AGE_MS = 2_000;
const ORPHAN_CHECK_MS = 1_000;
const STOP_WITHIN_MS = 1_000;
// Delivered rows wait so long for others to be deleted with them. Who dies meanwhile leaves rows that are delivered
// a second time, which changes nothing.
const DELETE_EVERY_MS = 50;
// While Redis is away rows gather; beyond this they wait in the table alone.
const WAITING_MAX = 10_000;

/**
 * Delivers outbox rows. The process that committed a row delivers it at once, many at a time when many
 * wait, and deletes it soon after; rows left behind by a process that died are found by the check.
 */
export class OutboxRelay {
  readonly #database: DataSource;
  readonly #logger: Logger;
  readonly #handlers: ReadonlyMap<string, Deliver>;
  #waiting: OutboxRow[] = [];
  #working: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  #delivered: string[] = [];
  #deleting: NodeJS.Timeout | null = null;

  constructor(options: { database: DataSource; logger: Logger; handlers: ReadonlyMap<string, Deliver> }) {
    this.#database = options.database;
    this.#logger = options.logger;
    this.#handlers = options.handlers;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#adoptOrphans(), ORPHAN_CHECK_MS);
  }

  /** Call after the commit, never before. */
  deliverSoon(row: OutboxRow): void {
    if (this.#waiting.length >= WAITING_MAX) return;
    this.#waiting.push(row);
    // What is delivered here, up to a whole run of a cast, is no longer part of the request that committed it.
    this.#working ??= outsideRequestScope(() => this.#drain().finally(() => (this.#working = null)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    // What is not delivered stays in the table, so a Redis that is away need not hold up the stop.
    await orAfter(this.#working ?? Promise.resolve(), STOP_WITHIN_MS, undefined);
    if (this.#deleting !== null) clearTimeout(this.#deleting);
    await this.#deleteDelivered();
  }

  async #drain(): Promise<void> {
    // Yielding once lets every row committed in this turn of the event loop share the first batch.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      try {
        await this.#deliver(batch);
      } catch (error) {
        // The rows stay in the table; the orphan check delivers them when the other side is back.
        this.#logger.warn({ error: errorText(error), rows: batch.length }, 'outbox delivery');
      }
    }
  }

  async #deliver(batch: OutboxRow[]): Promise<void> {
    for (const [topic, deliver] of this.#handlers) {
      const rows = batch.filter((row) => row.topic === topic);
      if (rows.length > 0) await deliver(rows);
    }
    this.#delivered.push(...batch.map((row) => row.id));
    this.#deleting ??= setTimeout(() => {
      this.#deleting = null;
      void this.#deleteDelivered();
    }, DELETE_EVERY_MS);
  }

  async #deleteDelivered(): Promise<void> {
    const ids = this.#delivered.splice(0);
    if (ids.length === 0) return;
    await queryRows(this.#database, 'DELETE FROM outbox WHERE id = ANY($1::bigint[])', [ids]).catch(
      // They stay in the table and are delivered again.
      (error: unknown) =>
        this.#logger.warn({ error: errorText(error), rows: ids.length }, 'outbox rows not deleted'),
    );
  }

  async #adoptOrphans(): Promise<void> {
    if (this.#stopped || this.#working !== null) return;
    try {
      const rows = await queryRows<OutboxRow>(
        this.#database,
        `SELECT id, topic, payload FROM outbox
          WHERE created_at < now() - $1 * interval '1 millisecond' ORDER BY id LIMIT $2`,
        [ORPHAN_AGE_MS, BATCH_MAX],
      );
      for (const row of rows) this.deliverSoon(row);
    } catch (error) {
      this.#logger.warn({ error: errorText(error) }, 'outbox check');
    }
  }
}

import {
  Counter,
  Gauge,
  errorText,
  orAfter,
  queryRows,
  type Clock,
  type DataSource,
  type Logger,
  type Registry,
} from '../platform/index.js';

export interface HousekeepingDeps {
  database: DataSource;
  clock: Clock;
  logger: Logger;
  registry: Registry;
  idempotencyDays: number;
}

const EVERY_MS = 60_000;
const STOP_WITHIN_MS = 1_000;
const DAY_MS = 86_400_000;
// One statement locks so many rows; the next round takes the next.
const KEYS_PER_ROUND_MAX = 1_000;
const ROUNDS_MAX = 100;
// A scrape must not hang with PostgreSQL.
const DIFFERENCE_WITHIN_MS = 1_000;

/**
 * What is done once a minute: idempotency keys past their time are forgotten, and holds that no open cast stands for are
 * returned. Of the latter there are none unless the database was changed by hand; a metric says so.
 */
export class CastHousekeeping {
  readonly #deps: HousekeepingDeps;
  readonly #returned: Counter;
  #timer: NodeJS.Timeout | null = null;
  #working: Promise<void> | null = null;

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps;
    const { registry, database } = deps;
    this.#returned = new Counter({
      name: 'spell_holds_repaired_total',
      help: 'Budget periods whose held sum differed from their open casts and was put right.',
      registers: [registry],
    });
    new Gauge({
      name: 'spell_hold_difference_micros',
      help: 'What budgets hold beyond or below what open casts hold, summed as amounts. Anything but 0 is a defect.',
      registers: [registry],
      async collect() {
        const sum = await orAfter(readHoldDifference(database), DIFFERENCE_WITHIN_MS, null).catch(() => null);
        // No answer must not look like a difference of nothing.
        this.set(sum === null ? Number.NaN : Number(sum));
      },
    });
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#working ??= this.keep().finally(() => (this.#working = null));
    }, EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await orAfter(this.#working ?? Promise.resolve(), STOP_WITHIN_MS, undefined);
  }

  async keep(): Promise<void> {
    try {
      await this.#forgetKeys();
      await this.#returnHolds();
    } catch (error) {
      this.#deps.logger.warn({ error: errorText(error) }, 'housekeeping broke off');
    }
  }

  async #forgetKeys(): Promise<void> {
    const { database, clock, idempotencyDays } = this.#deps;
    const before = new Date(clock.now().getTime() - idempotencyDays * DAY_MS);
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const rows = await queryRows(database, FORGET_KEYS, [before, KEYS_PER_ROUND_MAX]);
      if (rows.length < KEYS_PER_ROUND_MAX) return;
    }
  }

  async #returnHolds(): Promise<void> {
    const repaired = await queryRows<{ period_id: string; difference_micros: string }>(
      this.#deps.database,
      `SELECT period_id, difference_micros FROM repair_holds()`,
    );
    for (const { period_id: periodId, difference_micros: differenceMicros } of repaired) {
      this.#returned.inc();
      this.#deps.logger.error({ periodId, differenceMicros }, 'a budget held what no open cast holds');
    }
  }
}

// An open cast keeps its key: the request that made it may still be repeated by a client that waits.
const FORGET_KEYS = `
  UPDATE casts SET idempotency_key = NULL
   WHERE id IN (SELECT id FROM casts WHERE idempotency_key IS NOT NULL AND queued_at < $1 AND finished_at IS NOT NULL
                 ORDER BY queued_at LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING id`;

async function readHoldDifference(database: DataSource): Promise<string> {
  const [row] = await queryRows<{ micros: string }>(
    database,
    `SELECT coalesce(sum(abs(difference_micros)), 0) AS micros FROM hold_differences()`,
  );
  return row?.micros ?? '0';
}

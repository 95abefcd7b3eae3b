import {
  Counter,
  Gauge,
  Histogram,
  LATENCY_BUCKETS_S,
  orAfter,
  queryRows,
  type DataSource,
  type Registry,
} from '../platform/index.js';

// A scrape must not hang with PostgreSQL.
const SCRAPE_WITHIN_MS = 1_000;

/** What operators see of the ledger. Everything about the log itself is asked for when it is scraped. */
export class LedgerMetrics {
  readonly sequenced: Counter;
  readonly failures: Counter;
  readonly batchSeconds: Histogram;
  readonly checked: Counter;
  readonly problems: Gauge;
  readonly verifiedSize: Gauge;
  readonly verifiedAt: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.sequenced = new Counter({
      name: 'spell_ledger_sequenced_total',
      help: 'Facts that this process gave their place in the log.',
      registers,
    });
    this.failures = new Counter({
      name: 'spell_ledger_failures_total',
      help: 'Times this process could not continue the log.',
      registers,
    });
    this.batchSeconds = new Histogram({
      name: 'spell_ledger_batch_seconds',
      help: 'Time of one batch from its begin to its commit, seconds.',
      buckets: LATENCY_BUCKETS_S,
      registers,
    });
    this.checked = new Counter({
      name: 'spell_ledger_checked_total',
      help: 'Entries that this process has verified again after they were written.',
      registers,
    });
    this.problems = new Gauge({
      name: 'spell_ledger_problems',
      help: 'Whether the check of the log has found something missing or changed that is still there. Must be 0.',
      registers,
    });
    this.verifiedSize = new Gauge({
      name: 'spell_ledger_verified_size',
      help: 'Entries that the current pass over the log has verified, the whole log at its end.',
      registers,
    });
    this.verifiedAt = new Gauge({
      name: 'spell_ledger_verified_timestamp_seconds',
      help: 'When this process last came to the end of the log without a finding, seconds since 1970; 0 before.',
      registers,
    });
  }
}

/** Size, gaps, and what waits. */
export function registerLedgerDepth(registry: Registry, database: DataSource): void {
  const ask = (sql: string) =>
    orAfter(
      queryRows<Record<string, number | null>>(database, sql).then(
        ([row]) => row ?? {},
        () => null,
      ),
      SCRAPE_WITHIN_MS,
      null,
    );
  new Gauge({
    name: 'spell_ledger_entries',
    help: 'Entries: under the newest checkpoint (size), up to the highest sequence (highest), without a place yet (waiting).',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const row = await ask(ENTRIES);
      // Without PostgreSQL there is nothing to tell; the other metrics are told all the same.
      this.reset();
      for (const [state, count] of Object.entries(row ?? {})) this.set({ state }, count ?? 0);
    },
  });
  new Gauge({
    name: 'spell_ledger_lag_seconds',
    help: 'Age of the oldest fact that waits for its place, seconds; 0 when none does.',
    registers: [registry],
    async collect() {
      const row = await ask(OLDEST);
      // No lag is good news; that nobody could be asked is none.
      if (row === null) this.remove();
      else this.set(Math.max(0, row['seconds'] ?? 0));
    },
  });
}

const ENTRIES = `
  SELECT (SELECT max(size)::float8 FROM ledger_checkpoints) AS size,
         (SELECT max(sequence)::float8 + 1 FROM ledger_entries) AS highest,
         (SELECT count(*)::float8 FROM ledger_outbox) AS waiting`;
const OLDEST = `SELECT extract(epoch FROM now() - occurred_at)::float8 AS seconds FROM ledger_outbox ORDER BY id LIMIT 1`;

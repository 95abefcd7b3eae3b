import { queryRows, type DataSource } from '../platform/index.js';
import type { BudgetPeriod, BudgetScope } from './budget.js';

/** The outbox topic of alerts; settle_casts and set-budget write its rows. */
export const ALERT_TOPIC = 'budgets.alert';

/** A soft limit or a threshold that was reached: once per budget and period. Money is in micros. */
export interface BudgetAlert {
  id: string;
  accountId: string;
  scope: BudgetScope;
  subject: string;
  period: BudgetPeriod;
  kind: 'SOFT_LIMIT' | 'THRESHOLD';
  thresholdPercent: number | null;
  limitMicros: bigint;
  spentMicros: bigint;
  periodStart: Date;
  periodEnd: Date;
  at: Date;
}

export interface AlertRow {
  id: string;
  account_id: string;
  scope: BudgetScope;
  subject: string;
  period: BudgetPeriod;
  kind: 'SOFT_LIMIT' | 'THRESHOLD';
  threshold_percent: number | null;
  limit_micros: string;
  spent_micros: string;
  period_start: Date;
  period_end: Date;
  at: Date;
}

// One answer carries so many; the next is asked for what comes after its last.
const PAGE_MAX = 1_000;

/** The alerts of these accounts that were committed within the last moments, oldest first, page by page. */
export async function* findRecentAlerts(
  database: DataSource,
  accountIds: readonly string[],
  withinMs: number,
): AsyncGenerator<BudgetAlert> {
  let after: [insertedAt: string, at: string, id: string] | null = null;
  for (;;) {
    const parameters: unknown[] = [accountIds, withinMs, PAGE_MAX, ...(after ?? [null, null, null])];
    const rows: RecentRow[] = await queryRows<RecentRow>(database, FIND_RECENT, parameters);
    for (const row of rows) yield toAlert(row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_MAX) return;
    after = [last.inserted_at_text, last.at_text, last.id];
  }
}

/** A place in the list needs the microseconds that a Date does not have. */
interface RecentRow extends AlertRow {
  inserted_at_text: string;
  at_text: string;
}

const FIND_RECENT = `
  SELECT *, inserted_at::text AS inserted_at_text, at::text AS at_text FROM budget_alerts
   WHERE account_id = ANY ($1::uuid[]) AND inserted_at > now() - $2 * interval '1 millisecond'
     AND ($4::timestamptz IS NULL OR (inserted_at, at, id) > ($4, $5::timestamptz, $6::uuid))
   ORDER BY inserted_at, at, id LIMIT $3`;

export function toAlert(row: AlertRow): BudgetAlert {
  return {
    id: row.id,
    accountId: row.account_id,
    scope: row.scope,
    subject: row.subject,
    period: row.period,
    kind: row.kind,
    thresholdPercent: row.threshold_percent,
    limitMicros: BigInt(row.limit_micros),
    spentMicros: BigInt(row.spent_micros),
    periodStart: row.period_start,
    periodEnd: row.period_end,
    at: row.at,
  };
}

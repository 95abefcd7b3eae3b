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

/** The alerts of these accounts that were committed within the last moments, oldest first. */
export async function findRecentAlerts(
  database: DataSource,
  accountIds: readonly string[],
  withinMs: number,
  limit: number,
): Promise<BudgetAlert[]> {
  const rows = await queryRows<AlertRow>(
    database,
    `SELECT * FROM budget_alerts WHERE account_id = ANY ($1::uuid[])
        AND inserted_at > now() - $2 * interval '1 millisecond' ORDER BY inserted_at, at, id LIMIT $3`,
    [accountIds, withinMs, limit],
  );
  return rows.map(toAlert);
}

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

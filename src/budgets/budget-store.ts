import { queryRows, type DataSource, type PageArgs } from '../platform/index.js';
import { periodAt, type Budget, type BudgetPeriod, type BudgetScope } from './budget.js';

/** What names a budget within its account. */
export interface BudgetKey {
  scope: BudgetScope;
  /** '' for ACCOUNT. */
  subject: string;
  period: BudgetPeriod;
}

export interface BudgetRow {
  id: string;
  scope: BudgetScope;
  subject: string;
  period: BudgetPeriod;
  soft_limit_micros: string | null;
  hard_limit_micros: string | null;
  notify_thresholds: number[];
  spent_micros: string;
  held_micros: string;
}

/** The account's budgets with their present period, newest first: up to `first + 1`. */
export async function findBudgets(
  database: DataSource,
  accountId: string,
  now: Date,
  page: PageArgs,
): Promise<Budget[]> {
  const sql = `${SELECT_BUDGETS} AND ($4::uuid IS NULL OR b.id < $4) ORDER BY b.id DESC LIMIT $5`;
  const rows = await queryRows<BudgetRow>(database, sql, [
    ...present(accountId, now),
    page.afterId,
    page.first + 1,
  ]);
  return rows.map((row) => toBudget(row, now));
}

export async function findBudgetById(
  database: DataSource,
  accountId: string,
  now: Date,
  id: string,
): Promise<Budget | null> {
  const sql = `${SELECT_BUDGETS} AND b.id = $4`;
  const [row] = await queryRows<BudgetRow>(database, sql, [...present(accountId, now), id]);
  return row === undefined ? null : toBudget(row, now);
}

// A period that no cast has asked for yet has no row, and nothing in it.
const SELECT_BUDGETS = `
  SELECT b.id, b.scope, b.subject, b.period, b.soft_limit_micros, b.hard_limit_micros, b.notify_thresholds,
         coalesce(p.spent_micros, 0) AS spent_micros, coalesce(p.held_micros, 0) AS held_micros
    FROM budgets b
    LEFT JOIN budget_periods p ON p.budget_id = b.id
     AND p.period_start = CASE b.period WHEN 'DAILY' THEN $2::timestamptz ELSE $3::timestamptz END
   WHERE b.account_id = $1`;

function present(accountId: string, now: Date): [string, Date, Date] {
  return [accountId, periodAt('DAILY', now).start, periodAt('MONTHLY', now).start];
}

export function toBudget(row: BudgetRow, now: Date): Budget {
  const { start, end } = periodAt(row.period, now);
  return {
    id: row.id,
    scope: row.scope,
    subject: row.subject,
    period: row.period,
    softLimitMicros: row.soft_limit_micros === null ? null : BigInt(row.soft_limit_micros),
    hardLimitMicros: row.hard_limit_micros === null ? null : BigInt(row.hard_limit_micros),
    notifyThresholds: row.notify_thresholds,
    spentMicros: BigInt(row.spent_micros),
    heldMicros: BigInt(row.held_micros),
    periodStart: start,
    periodEnd: end,
  };
}

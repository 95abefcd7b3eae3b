/** What a budget is: its scopes, periods and limits as data. The page for people is docs/budgets.md. */

export const BUDGET_SCOPES = ['ACCOUNT', 'API_KEY', 'SPELL', 'END_USER'] as const;
export type BudgetScope = (typeof BUDGET_SCOPES)[number];

export const BUDGET_PERIODS = ['DAILY', 'MONTHLY'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

/** A budget with what it holds and has spent in its present period. Money is in micros. */
export interface Budget {
  id: string;
  scope: BudgetScope;
  /** Whom it is for: '' for ACCOUNT, the prefix of a key, the key of a spell, or an end user. */
  subject: string;
  period: BudgetPeriod;
  softLimitMicros: bigint | null;
  hardLimitMicros: bigint | null;
  /** Percent of the hard limit, or of the soft one where there is no other. */
  notifyThresholds: number[];
  spentMicros: bigint;
  heldMicros: bigint;
  periodStart: Date;
  periodEnd: Date;
}

/** The budget with the least room among those that have not enough for a cast. */
export interface BudgetRefusal {
  scope: BudgetScope;
  subject: string;
  period: BudgetPeriod;
  limitMicros: bigint;
  spentMicros: bigint;
  heldMicros: bigint;
  requiredMicros: bigint;
  periodEnd: Date;
}

/** What is left: null without a hard limit, and never below zero, though a limit may be lowered below what is spent. */
export function remainingMicros(budget: Budget): bigint | null {
  if (budget.hardLimitMicros === null) return null;
  const left = budget.hardLimitMicros - budget.spentMicros - budget.heldMicros;
  return left < 0n ? 0n : left;
}

/** The period in UTC that contains a moment: from its first millisecond to the first of the next. */
export function periodAt(period: BudgetPeriod, at: Date): { start: Date; end: Date } {
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  return period === 'DAILY'
    ? { start: new Date(Date.UTC(year, month, day)), end: new Date(Date.UTC(year, month, day + 1)) }
    : { start: new Date(Date.UTC(year, month, 1)), end: new Date(Date.UTC(year, month + 1, 1)) };
}

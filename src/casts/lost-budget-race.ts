import { isLostRace } from '../platform/index.js';

// The check that a period's budget is still there, and the guard that reads its newest limit.
const BUDGET_IS_GONE = 'budget_periods_budget_id_fkey';
const LIMIT_IS_LOWER = /would pass its limit/;

/**
 * Did a statement fail only because a lock was held or a budget was changed or deleted at that moment? Then nothing of it
 * was done, and it is right to try again.
 */
export function isLostBudgetRace(error: unknown): boolean {
  if (isLostRace(error)) return true;
  const { driverError } = (error ?? {}) as { driverError?: { constraint?: string; message?: string } };
  return driverError?.constraint === BUDGET_IS_GONE || LIMIT_IS_LOWER.test(driverError?.message ?? '');
}

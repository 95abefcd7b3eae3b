import { AppError } from '../platform/index.js';
import type { BudgetPeriod, BudgetRefusal, BudgetScope } from './budget.js';

/** What the database's function says of the budget that refused, as JSON with decimals as text. */
export function toRefusal(json: Record<string, string>): BudgetRefusal {
  const { scope, subject, period, limitMicros, spentMicros, heldMicros, requiredMicros, periodEnd } = json;
  return {
    scope: scope as BudgetScope,
    subject: subject ?? '',
    period: period as BudgetPeriod,
    limitMicros: BigInt(limitMicros ?? ''),
    spentMicros: BigInt(spentMicros ?? ''),
    heldMicros: BigInt(heldMicros ?? ''),
    requiredMicros: BigInt(requiredMicros ?? ''),
    periodEnd: new Date(periodEnd ?? ''),
  };
}

/** BUDGET_EXCEEDED with everything a client needs to wait, to lower its limits or to ask for more. */
export function budgetExceeded(refusal: BudgetRefusal): AppError {
  const { scope, subject, period, limitMicros, spentMicros, heldMicros, requiredMicros, periodEnd } = refusal;
  const of = subject === '' ? '' : ` of ${subject}`;
  const text = `the ${period} ${scope} budget${of} has no room for ${requiredMicros} micros`;
  return new AppError('BUDGET_EXCEEDED', text, {
    scope,
    subject: subject === '' ? null : subject,
    period,
    limitMicros: limitMicros.toString(),
    spentMicros: spentMicros.toString(),
    heldMicros: heldMicros.toString(),
    requiredMicros: requiredMicros.toString(),
    periodEnd: periodEnd.toISOString(),
  });
}

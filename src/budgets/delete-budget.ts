import { requireScope, type Principal } from '../accounts/index.js';
import { canonicalJson } from '../ledger/index.js';
import { notFound, queryRows, retryLostRace, type Clock, type DataSource } from '../platform/index.js';
import { periodAt, type Budget } from './budget.js';
import { toBudgetKey, type BudgetKeyInput } from './budget-input.js';
import { toBudget, type BudgetRow } from './budget-store.js';

/**
 * Ends a budget and forgets its periods; answers it as it was. Casts that hold on it run on and are settled as if it
 * had never been. Set again, it counts from zero.
 */
export async function deleteBudget(
  deps: { database: DataSource; clock: Clock },
  principal: Principal | null,
  input: BudgetKeyInput,
): Promise<Budget> {
  const { accountId } = requireScope(principal, 'admin');
  const { scope, subject, period } = toBudgetKey(input);
  const now = deps.clock.now();
  const starts = periodAt(period, now).start;
  const fact = canonicalJson({ scope, subject, period });
  const parameters = [accountId, scope, subject, period, now, starts, fact];
  const [row] = await retryLostRace(() => queryRows<BudgetRow>(deps.database, DELETE, parameters));
  if (row === undefined) throw notFound('budget');
  return toBudget(row, now);
}

const DELETE = `SELECT * FROM delete_budget($1, $2, $3, $4, $5, $6, $7::json)`;

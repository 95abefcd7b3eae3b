import { requireScope, type Principal } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import { notFound, queryRows, type Clock, type DataSource } from '../platform/index.js';
import type { Budget } from './budget.js';
import { toBudgetKey, type BudgetKeyInput } from './budget-input.js';
import { findBudget } from './budget-store.js';

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
  const key = toBudgetKey(input);
  const now = deps.clock.now();
  return deps.database.transaction(async (manager) => {
    const budget = await findBudget(manager, accountId, now, key);
    const deleted =
      budget === null
        ? []
        : await queryRows(manager, `DELETE FROM budgets WHERE id = $1 RETURNING id`, [budget.id]);
    if (budget === null || deleted.length === 0) throw notFound('budget');
    const { scope, subject, period } = budget;
    await appendFact(manager, {
      accountId,
      kind: 'budget.deleted',
      subject: budget.id,
      occurredAt: now,
      content: { scope, subject, period },
    });
    return budget;
  });
}

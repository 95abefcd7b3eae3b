import { requireScope, type Principal } from '../accounts/index.js';
import type { Clock, DataSource, PageArgs } from '../platform/index.js';
import type { Budget } from './budget.js';
import { findBudgets } from './budget-store.js';

/** The account's budgets with what is spent and held in their present period: up to `first + 1`. */
export async function listBudgets(
  deps: { database: DataSource; clock: Clock },
  principal: Principal | null,
  page: PageArgs,
): Promise<Budget[]> {
  const { accountId } = requireScope(principal, 'read', 'cast');
  return findBudgets(deps.database, accountId, deps.clock.now(), page);
}

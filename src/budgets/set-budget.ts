import { requireScope, type Principal } from '../accounts/index.js';
import { canonicalJson } from '../ledger/index.js';
import {
  AppError,
  badInput,
  newId,
  queryRows,
  retryLostRace,
  type Clock,
  type DataSource,
  type OutboxRelay,
} from '../platform/index.js';
import { ALERT_TOPIC } from './budget-alert.js';
import { periodAt, type Budget } from './budget.js';
import { checkBudget, type SetBudgetInput } from './budget-input.js';
import type { BudgetKey } from './budget-store.js';

export interface SetBudgetDeps {
  database: DataSource;
  clock: Clock;
  outbox: OutboxRelay;
  /** Whether what a budget names exists: budgets know neither keys nor spells. */
  subjects: {
    hasKey: (accountId: string, prefix: string) => Promise<boolean>;
    hasSpell: (key: string) => Promise<boolean>;
  };
}

interface SetRow {
  budget_id: string;
  spent_micros: string;
  held_micros: string;
  alerts: { id: string; payload: Record<string, unknown> }[];
}

// Each applying budget is a row to lock on the way of a cast; this many in all is a list a person still can read.
const BUDGETS_PER_ACCOUNT_MAX = 1_000;

/**
 * Makes a budget, or changes the limits of the one for the same scope, subject and period. It binds the casts that are
 * accepted from now on; those that run are charged to the end, also when the new limit is below what is spent. Alerts
 * that the new limits have already earned are fired here and now.
 */
export async function setBudget(
  deps: SetBudgetDeps,
  principal: Principal | null,
  input: SetBudgetInput,
): Promise<Budget> {
  const { accountId } = requireScope(principal, 'admin');
  const wanted = checkBudget(input);
  await requireSubject(deps, accountId, wanted);
  const now = deps.clock.now();
  const { scope, subject, period, notifyThresholds } = wanted;
  const { start, end } = periodAt(period, now);
  const soft = wanted.softLimitMicros?.toString() ?? null;
  const hard = wanted.hardLimitMicros?.toString() ?? null;
  const limits = { softLimitMicros: soft, hardLimitMicros: hard, notifyThresholds };
  const parameters = [
    ...[newId(deps.clock), accountId, scope, subject, period, soft, hard, notifyThresholds, now, start],
    ...[BUDGETS_PER_ACCOUNT_MAX - 1, canonicalJson({ scope, subject, period, ...limits })],
  ];
  const [row] = await retryLostRace(() => queryRows<SetRow>(deps.database, SET, parameters));
  if (row === undefined)
    throw new AppError('CONFLICT', `an account has at most ${BUDGETS_PER_ACCOUNT_MAX} budgets`);
  for (const { id, payload } of row.alerts) deps.outbox.deliverSoon({ id, topic: ALERT_TOPIC, payload });
  return {
    ...wanted,
    id: row.budget_id,
    spentMicros: BigInt(row.spent_micros),
    heldMicros: BigInt(row.held_micros),
    periodStart: start,
    periodEnd: end,
  };
}

const SET = `SELECT * FROM set_budget($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::json)`;

/** A budget for something that does not exist would never refuse anything. */
async function requireSubject(
  deps: SetBudgetDeps,
  accountId: string,
  { scope, subject }: BudgetKey,
): Promise<void> {
  if (scope === 'API_KEY' && !(await deps.subjects.hasKey(accountId, subject)))
    throw badInput([{ path: 'subject', reason: 'is the prefix of none of your API keys' }]);
  if (scope === 'SPELL' && !(await deps.subjects.hasSpell(subject)))
    throw badInput([{ path: 'subject', reason: 'is the key of no spell' }]);
}

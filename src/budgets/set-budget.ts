import { requireScope, type Principal } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import {
  AppError,
  badInput,
  newId,
  queryRows,
  type Clock,
  type DataSource,
  type EntityManager,
  type OutboxRelay,
} from '../platform/index.js';
import { ALERT_TOPIC } from './budget-alert.js';
import { periodAt, type Budget } from './budget.js';
import { checkBudget, type SetBudgetInput } from './budget-input.js';
import { findBudget, type BudgetKey } from './budget-store.js';

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
  const { budget, alerts } = await deps.database.transaction(async (manager) => {
    // Budgets of one account are set one after the other, so that their number can be counted on.
    await queryRows(manager, `SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, [accountId]);
    await requireRoom(manager, accountId, wanted);
    const [row] = await queryRows<{ id: string }>(manager, UPSERT_BUDGET, [
      newId(deps.clock),
      accountId,
      wanted.scope,
      wanted.subject,
      wanted.period,
      wanted.softLimitMicros?.toString() ?? null,
      wanted.hardLimitMicros?.toString() ?? null,
      wanted.notifyThresholds,
      now,
    ]);
    const fired = await queryRows<{ outbox_id: string; payload: Record<string, unknown> }>(
      manager,
      FIRE_ALERTS,
      [row?.id, periodAt(wanted.period, now).start, now],
    );
    const set = await findBudget(manager, accountId, now, wanted);
    if (set === null) throw new Error('the budget that was just set has vanished');
    await appendFact(manager, {
      accountId,
      kind: 'budget.set',
      subject: set.id,
      occurredAt: now,
      content: {
        scope: set.scope,
        subject: set.subject,
        period: set.period,
        softLimitMicros: set.softLimitMicros?.toString() ?? null,
        hardLimitMicros: set.hardLimitMicros?.toString() ?? null,
        notifyThresholds: set.notifyThresholds,
      },
    });
    return { budget: set, alerts: fired };
  });
  for (const { outbox_id: id, payload } of alerts)
    deps.outbox.deliverSoon({ id, topic: ALERT_TOPIC, payload });
  return budget;
}

const UPSERT_BUDGET = `
  INSERT INTO budgets (id, account_id, scope, subject, period, soft_limit_micros, hard_limit_micros, notify_thresholds,
                       created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
  ON CONFLICT (account_id, scope, subject, period) DO UPDATE
     SET soft_limit_micros = excluded.soft_limit_micros, hard_limit_micros = excluded.hard_limit_micros,
         notify_thresholds = excluded.notify_thresholds, updated_at = excluded.updated_at
  RETURNING id`;

// The lock on the period waits for acceptances that have read the old limits, so that none of them commits after this.
const FIRE_ALERTS = `
  WITH period AS (SELECT id FROM budget_periods WHERE budget_id = $1 AND period_start = $2 FOR NO KEY UPDATE)
  SELECT outbox_id, payload FROM fire_budget_alerts(ARRAY(SELECT id FROM period), $3)`;

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

async function requireRoom(manager: EntityManager, accountId: string, key: BudgetKey): Promise<void> {
  const [others] = await queryRows<{ count: number }>(
    manager,
    `SELECT count(*)::int AS count FROM budgets
      WHERE account_id = $1 AND (scope, subject, period) <> ($2, $3, $4)`,
    [accountId, key.scope, key.subject, key.period],
  );
  if ((others?.count ?? 0) >= BUDGETS_PER_ACCOUNT_MAX)
    throw new AppError('CONFLICT', `an account has at most ${BUDGETS_PER_ACCOUNT_MAX} budgets`);
}

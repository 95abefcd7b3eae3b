import { queryRows, type DataSource } from '../platform/index.js';
import { toRefusal } from './budget.errors.js';
import type { BudgetRefusal } from './budget.js';

/** A cast that is not requested yet, as budgets look at one. */
export interface ConsideredCast {
  accountId: string;
  apiKeyId: string;
  spellKey: string;
  endUser: string | null;
  requiredMicros: bigint;
  at: Date;
}

/** The budget that would refuse the cast at this moment, the one with the least room; null when all have room. */
export async function findRefusingBudget(
  database: DataSource,
  cast: ConsideredCast,
): Promise<BudgetRefusal | null> {
  const request = {
    place: 0,
    account_id: cast.accountId,
    api_key_id: cast.apiKeyId,
    spell_key: cast.spellKey,
    end_user: cast.endUser?.toWellFormed() ?? null,
    held_micros: cast.requiredMicros.toString(),
    queued_at: cast.at,
  };
  const [row] = await queryRows<{ refusal: Record<string, string> }>(database, FIND_REFUSING, [
    JSON.stringify([request]),
  ]);
  return row === undefined ? null : toRefusal(row.refusal);
}

// Among equals the one that accept_casts takes: the first by the id of its period.
const FIND_REFUSING = `
  WITH requests AS (SELECT array_agg(r) AS rows FROM jsonb_populate_recordset(NULL::cast_request, $1) AS r)
  SELECT jsonb_build_object(
           'scope', b.scope, 'subject', b.subject, 'period', b.period, 'limitMicros', b.hard_limit_micros::text,
           'spentMicros', coalesce(p.spent_micros, 0)::text, 'heldMicros', coalesce(p.held_micros, 0)::text,
           'requiredMicros', r.held_micros::text, 'periodEnd', a.period_end) AS refusal
    FROM requests CROSS JOIN unnest(requests.rows) AS r CROSS JOIN applying_budgets(requests.rows) AS a
    JOIN budgets b ON b.id = a.budget_id
    LEFT JOIN budget_periods p ON p.budget_id = a.budget_id AND p.period_start = a.period_start
   WHERE b.hard_limit_micros - coalesce(p.spent_micros, 0) - coalesce(p.held_micros, 0) < r.held_micros
   ORDER BY b.hard_limit_micros - coalesce(p.spent_micros, 0) - coalesce(p.held_micros, 0), p.id LIMIT 1`;

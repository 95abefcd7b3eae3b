import { queryRows, type DataSource } from '../platform/index.js';
import type { AlertRow } from './budget-alert.js';

/** An alert whose webhook is to be called now, and how many times that has been tried, this time included. */
export interface DueAlert extends AlertRow {
  webhook_attempts: number;
}

// More than the budgets of one account can tell at once; who owns them is looked at before any is taken.
const LOOKED_AT_MAX = 1_000;

/**
 * Takes alerts that are due, the longest waiting first, for `leaseMs`: no other process takes them meanwhile. No account
 * gets more than `perAccountMax` with those that are in hand already, so one whose receiver hangs does not use up
 * what all share.
 */
export function takeDueAlerts(
  database: DataSource,
  wanted: {
    count: number;
    leaseMs: number;
    perAccountMax: number;
    inHand: ReadonlyMap<string, number>;
  },
): Promise<DueAlert[]> {
  const { count, leaseMs, perAccountMax, inHand } = wanted;
  return queryRows<DueAlert>(database, TAKE_DUE, [
    count,
    leaseMs,
    perAccountMax,
    [...inHand.keys()],
    [...inHand.values()],
    LOOKED_AT_MAX,
  ]);
}

const TAKE_DUE = `
  WITH busy AS (SELECT * FROM unnest($4::uuid[], $5::int[]) AS b(account_id, in_hand)),
  due AS (
    SELECT id, account_id, webhook_next_at FROM budget_alerts
     WHERE webhook_state = 'DUE' AND webhook_next_at <= now()
       AND account_id <> ALL (ARRAY(SELECT account_id FROM busy WHERE in_hand >= $3))
     ORDER BY webhook_next_at LIMIT $6),
  ranked AS (
    SELECT due.*, coalesce(busy.in_hand, 0)
                  + row_number() OVER (PARTITION BY due.account_id ORDER BY webhook_next_at, id) AS rank
      FROM due LEFT JOIN busy ON busy.account_id = due.account_id),
  taken AS (
    SELECT a.id FROM budget_alerts a JOIN ranked ON ranked.id = a.id
     WHERE ranked.rank <= $3 AND a.webhook_state = 'DUE' AND a.webhook_next_at <= now()
     ORDER BY a.webhook_next_at LIMIT $1 FOR UPDATE OF a SKIP LOCKED)
  UPDATE budget_alerts SET webhook_attempts = webhook_attempts + 1,
         webhook_next_at = now() + $2 * interval '1 millisecond'
    FROM taken WHERE budget_alerts.id = taken.id
  RETURNING budget_alerts.*`;

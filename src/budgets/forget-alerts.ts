import { queryRows, type DataSource } from '../platform/index.js';

// Long enough to ask what was told last month; after that the ledger and the casts say what was spent.
const ALERTS_KEPT_DAYS = 60;
// One statement locks so many rows.
const PER_ROUND_MAX = 1_000;
const ROUNDS_MAX = 100;

/** Deletes alerts that are past their time and have no delivery before them. */
export async function forgetAlerts(database: DataSource): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const gone = await queryRows(database, FORGET, [ALERTS_KEPT_DAYS, PER_ROUND_MAX]);
    if (gone.length < PER_ROUND_MAX) return;
  }
}

const FORGET = `
  DELETE FROM budget_alerts
   WHERE id IN (SELECT id FROM budget_alerts
                 WHERE webhook_state <> 'DUE' AND inserted_at < now() - $1 * interval '1 day'
                 ORDER BY inserted_at LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING id`;

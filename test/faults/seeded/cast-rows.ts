import type { DataSource } from '../../../src/platform/index.js';

/** What PostgreSQL says of a cast, after everything. */
export interface CastRow {
  id: string;
  /** The name of the step that asked for it. */
  name: string;
  account_id: string;
  status: string;
  attempts: number;
  error_code: string | null;
  fuel_used: string | null;
  max_fuel: string;
  cost_micros: string | null;
  held_micros: string;
  budget_period_ids: string[];
  output: string | null;
  final_sequence: number | null;
  queued_at_ms: number;
}

export function readCasts(database: DataSource, accountIds: string[]): Promise<CastRow[]> {
  return database.query<CastRow[]>(
    `SELECT id, convert_from(input, 'UTF8') AS name, account_id, status, attempts, error_code, fuel_used, max_fuel,
            cost_micros, held_micros, budget_period_ids, convert_from(output, 'UTF8') AS output, final_sequence,
            (extract(epoch FROM queued_at) * 1000)::float8 AS queued_at_ms
       FROM casts WHERE account_id = ANY($1::uuid[]) ORDER BY id`,
    [accountIds],
  );
}

/** Casts that are not final, and what is left to deliver for any cast of these accounts. */
export async function readUnfinished(database: DataSource, accountIds: string[]): Promise<string[]> {
  const rows = await database.query<{ what: string }[]>(
    `SELECT format('cast %s is %s in attempt %s', id, status, attempts) AS what
       FROM casts WHERE account_id = ANY($1::uuid[]) AND finished_at IS NULL
     UNION ALL
     SELECT format('outbox row %s is not delivered', o.id)
       FROM outbox o JOIN casts c ON c.id = (o.payload ->> 'castId')::uuid WHERE c.account_id = ANY($1::uuid[])
     UNION ALL
     SELECT format('fact %s of %s is not in the ledger', kind, subject)
       FROM ledger_outbox WHERE account_id = ANY($1::uuid[])`,
    [accountIds],
  );
  return rows.map(({ what }) => what);
}

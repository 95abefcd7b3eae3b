import { queryRows, type DataSource } from '../platform/index.js';

/** Any fixed number: it names "the next batch of the ledger" among PostgreSQL's advisory locks. */
export const BATCH_LOCK = 7_113_553;

/**
 * Ends the session that holds the lock of the batch and has neither begun nor ended a statement for so long. A process that
 * was stopped while PostgreSQL was sending it something would keep the lock for ever: no time limit of PostgreSQL counts
 * while it waits for a client to read. A batch at work is safe, however long: its statements take milliseconds. So is the log,
 * whoever is ended: a batch is committed whole or not at all. Answers the session, or null.
 */
export async function endSilentLeader(database: DataSource, silentMs: number): Promise<number | null> {
  const [row] = await queryRows<{ pid: number }>(
    database,
    `SELECT held.pid, pg_terminate_backend(held.pid)
       FROM pg_locks held JOIN pg_stat_activity session ON session.pid = held.pid
      WHERE held.locktype = 'advisory' AND held.granted
        AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND held.classid = 0 AND held.objid = $1 AND held.objsubid = 1
        AND greatest(session.query_start, session.state_change) < clock_timestamp() - $2 * interval '1 millisecond'`,
    [BATCH_LOCK, silentMs],
  );
  return row?.pid ?? null;
}

import { queryRows, type EntityManager } from '../platform/index.js';

export interface WaitingFact {
  account_id: string;
  kind: string;
  subject: string;
  occurred_at: Date;
  content: string;
}

// Hashing and sealing here, inserting there: in pieces, the two processes work at the same time.
export const CHUNK_MAX = 500;
// Fewer when they are long: no more than the sockets between hold (2 to 4 MB), so that a process which stops in the middle of a piece leaves
// PostgreSQL waiting for its next statement, which has a time limit, and not for somebody who reads, which has none.
const CHUNK_BYTES_MAX = 1024 * 1024;

// The oldest by a list of their ids, whatever PostgreSQL believes of the table: the plan it chose for a join took 15 s once.
export const TAKEN = `
  taken AS (
    DELETE FROM ledger_outbox WHERE id = ANY (ARRAY(
      SELECT id FROM (SELECT id, bytes, sum(bytes) OVER (ORDER BY id) AS sum
                        FROM (SELECT id, octet_length(content::text) AS bytes FROM ledger_outbox ORDER BY id LIMIT $1) AS oldest) AS summed
       WHERE sum - bytes < ${CHUNK_BYTES_MAX}))
    RETURNING id, account_id, kind, subject, occurred_at, content)`;
export const OF_TAKEN = `SELECT account_id, kind, subject, occurred_at, content::text AS content FROM taken ORDER BY id`;

/** Was there more to take than these? */
export function isFull(facts: readonly WaitingFact[]): boolean {
  const bytes = facts.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
  return facts.length >= CHUNK_MAX || bytes >= CHUNK_BYTES_MAX;
}

/** Takes the oldest facts out of the outbox; they are gone from there if and only if the batch is committed. */
export function takeFacts(manager: EntityManager, limit: number): Promise<WaitingFact[]> {
  return queryRows<WaitingFact>(manager, `WITH ${TAKEN} ${OF_TAKEN}`, [limit]);
}

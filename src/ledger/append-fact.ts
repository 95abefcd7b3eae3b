import type { EntityManager } from '../platform/index.js';
import { canonicalJson } from './canonical-json.js';
import { FACT_COLUMNS, type Fact } from './fact.js';

/**
 * Appends a fact within the transaction that makes it true, so that neither can be without the other: an append that
 * fails fails the act. The sequencer gives it its place in the log after the commit.
 */
export async function appendFact(manager: EntityManager, fact: Fact): Promise<void> {
  if (manager.queryRunner?.isTransactionActive !== true)
    throw new Error(`the fact ${fact.kind} must be appended inside the transaction of the fact`);
  await manager.query(
    `INSERT INTO ledger_outbox (${FACT_COLUMNS}) VALUES ($1::uuid, $2::text, $3::text, $4::timestamptz, $5::json)`,
    [fact.accountId, fact.kind, fact.subject, fact.occurredAt, canonicalJson(fact.content)],
  );
}

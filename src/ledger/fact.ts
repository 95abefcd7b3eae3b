/**
 * The kinds of facts the ledger takes, as the table's own constraint has them: a kind is added here and in a migration
 * together with the first operation that raises it.
 */
export const FACT_KINDS = [
  'account.opened',
  'key.created',
  'key.rotated',
  'key.revoked',
  'spell.published',
  'spell.yanked',
  'budget.set',
  'budget.deleted',
  'cast.settled',
  'webhook.set',
  'webhook.deleted',
] as const;
export type FactKind = (typeof FACT_KINDS)[number];

/** Something that happened and has to be provable later. */
export interface Fact {
  /** Whose fact it is: its content is sealed under this person's key. */
  accountId: string;
  kind: FactKind;
  /** What it is about, as its owner would look for it: a cast's id, a key's prefix, `com.acme.resize@1.0.0`. */
  subject: string;
  occurredAt: Date;
  /** JSON; whole numbers that may pass 2^53 (micros, fuel) as decimal strings. At most 16 KiB. */
  content: Readonly<Record<string, unknown>>;
}

/**
 * The columns of `ledger_outbox` for a statement that raises its fact by itself, where a second round trip would cost
 * too much: `INSERT INTO ledger_outbox (${FACT_COLUMNS}) SELECT …`. Types: uuid, text, text, timestamptz, json. The content
 * is committed to as it is written: it must be canonical JSON (RFC 8785), as `appendFact` writes it.
 */
export const FACT_COLUMNS = 'account_id, kind, subject, occurred_at, content';

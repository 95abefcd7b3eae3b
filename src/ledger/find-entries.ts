import { errorText, queryRows, type DataSource, type Logger } from '../platform/index.js';
import type { LedgerDeps } from './ledger.js';
import { parseLeaf, type Leaf } from './leaf.js';
import { hashLeafText } from './merkle/hash.js';
import type { Person } from './person-keys.js';
import type { PrivatePart } from './private-part.js';
import { commitTo, hashSubject, openEntry } from './seal-entry.js';

/** An entry as its reader may see it: the leaf is everybody's, the rest its owner's, until the person's key is destroyed. */
export interface LedgerEntry {
  leaf: Leaf;
  leafText: string;
  leafHash: Buffer;
  opened: OpenedContent | null;
}

/** With salt and content, the owner can show anyone what the leaf's commitment commits to. */
export interface OpenedContent {
  salt: Buffer;
  /** The canonical JSON that was committed to. */
  text: string;
  subject: string;
  content: unknown;
}

export interface EntryRow {
  sequence: string;
  leaf: string;
  sealed: Buffer | null;
}

/** Entries in their order, after `afterSequence`, of everybody or only of the account: up to `first`, and whether there are more. */
export async function findEntries(
  deps: LedgerDeps,
  query: { accountId: string; isOwnOnly: boolean; afterSequence: number; first: number; mayOpen: boolean },
): Promise<{ entries: LedgerEntry[]; isMore: boolean }> {
  const person = await deps.people.find(deps.database, query.accountId);
  if (query.isOwnOnly && person === null) return { entries: [], isMore: false };
  const rows = await queryRows<EntryRow>(
    deps.database,
    query.isOwnOnly
      ? `SELECT sequence, leaf, sealed FROM ledger_entries WHERE sequence > $1 AND pseudonym = $3 ORDER BY sequence LIMIT $2`
      : `SELECT sequence, leaf, sealed FROM ledger_entries WHERE sequence > $1 ORDER BY sequence LIMIT $2`,
    query.isOwnOnly
      ? [query.afterSequence, query.first + 1, person?.pseudonym]
      : [query.afterSequence, query.first + 1],
  );
  const entries = rows
    .slice(0, query.first)
    .map((row) => tryEntry(deps.logger, row, query.mayOpen ? person : null))
    .filter((entry) => entry !== null);
  return { entries, isMore: rows.length > query.first };
}

/** The first entry of this kind about this subject of the account; null before it has its place, or after an erasure. */
export async function findEntry(
  deps: Pick<LedgerDeps, 'database' | 'people'>,
  fact: { accountId: string; kind: string; subject: string },
): Promise<LedgerEntry | null> {
  const person = await deps.people.find(deps.database, fact.accountId);
  if (person === null) return null;
  const row = await findRow(deps.database, hashSubject(person.key, fact.kind, fact.subject));
  return row === null ? null : toEntry(row, person);
}

async function findRow(database: DataSource, subjectHash: Buffer): Promise<EntryRow | null> {
  const [row] = await queryRows<EntryRow>(
    database,
    `SELECT sequence, leaf, sealed FROM ledger_entries WHERE subject_hash = $1 ORDER BY sequence LIMIT 1`,
    [subjectHash],
  );
  return row ?? null;
}

/** One entry that was damaged must not hide the others: without its content then, or, when not even its leaf can be read, null. */
function tryEntry(logger: Logger, row: EntryRow, reader: Person | null): LedgerEntry | null {
  for (const who of [reader, null])
    try {
      return toEntry(row, who);
    } catch (error) {
      logger.error(
        { problem: errorText(error), sequence: row.sequence },
        'an entry of the ledger is damaged',
      );
    }
  return null;
}

/** Throws when it is not what was written. */
export function toEntry(row: EntryRow, reader: Person | null): LedgerEntry {
  const leaf = parseLeaf(row.leaf);
  if (leaf === null) throw new Error(`entry ${row.sequence} of the ledger cannot be read`);
  const leafHash = hashLeafText(row.leaf);
  const isOwn = reader !== null && leaf.account === reader.pseudonym;
  const opened = isOwn && row.sealed !== null ? open(reader, leaf, leafHash, row.sealed) : null;
  return { leaf, leafText: row.leaf, leafHash, opened };
}

function open(reader: Person, leaf: Leaf, leafHash: Buffer, sealed: Buffer): OpenedContent {
  const opened = openEntry(reader.key, leafHash, sealed);
  if (opened === null || commitTo(opened.salt, opened.content) !== leaf.commitment)
    throw new Error(`the content beside entry ${leaf.sequence} is not what the entry commits to`);
  const { subject, content } = JSON.parse(opened.content) as PrivatePart;
  return { salt: opened.salt, text: opened.content, subject, content };
}

import { errorText, queryRows, toAppError } from '../platform/index.js';
import { toEntry, type EntryRow, type OpenedContent } from './find-entries.js';
import { currentCheckpoint, treeOf, type LedgerDeps, type SignedCheckpoint } from './ledger.js';
import type { TileTree } from './merkle/tile-tree.js';
import type { Person } from './person-keys.js';
import { hashSubject } from './seal-entry.js';

/** A fact with all that proves it to somebody else: its leaf, its opening, its place and the way to the root. */
export interface ProvedFact {
  sequence: number;
  /** The leaf of the tree, as it was hashed. */
  leafText: string;
  opened: OpenedContent;
  /** From the bottom up, to the root of `checkpoint` (RFC 9162, section 2.1.3). */
  hashes: Buffer[];
  checkpoint: SignedCheckpoint;
}

/**
 * Proves the first fact of this kind about each of these subjects under the newest checkpoint: by subject, without those that
 * have no place in the log yet, and without all of them once the person's key is destroyed. A few queries, however many.
 */
export async function proveFacts(
  deps: Pick<LedgerDeps, 'database' | 'people' | 'logger'>,
  facts: { accountId: string; kind: string; subjects: readonly string[] },
): Promise<Map<string, ProvedFact>> {
  const person = await deps.people.find(deps.database, facts.accountId);
  if (person === null) return new Map();
  const rows = await queryRows<EntryRow>(
    deps.database,
    `SELECT DISTINCT ON (subject_hash) sequence, leaf, sealed FROM ledger_entries
      WHERE subject_hash = ANY($1::bytea[]) ORDER BY subject_hash, sequence`,
    [facts.subjects.map((subject) => hashSubject(person.key, facts.kind, subject))],
  );
  if (rows.length === 0) return new Map();
  // Read after the entries, so it covers them: an entry and the checkpoint over it are committed together.
  const checkpoint = await currentCheckpoint(deps);
  const tree = treeOf(deps, checkpoint.size);
  const proved = await Promise.all(rows.map((row) => proveRow(deps, row, { person, tree, checkpoint })));
  return new Map(proved.filter((fact) => fact !== null).map((fact) => [fact.opened.subject, fact]));
}

/** Null for an entry that was damaged, which must not take the proofs of others with it: a line in the log says which. */
async function proveRow(
  { logger }: Pick<LedgerDeps, 'logger'>,
  row: EntryRow,
  { person, tree, checkpoint }: { person: Person; tree: TileTree; checkpoint: SignedCheckpoint },
): Promise<ProvedFact | null> {
  try {
    const { leaf, leafText, opened } = toEntry(row, person);
    if (opened === null) throw new Error('it has lost its content');
    const { sequence } = leaf;
    return { sequence, leafText, opened, hashes: await tree.inclusionProof(sequence), checkpoint };
  } catch (error) {
    // That PostgreSQL cannot be asked says nothing about an entry.
    if (toAppError(error).code === 'UNAVAILABLE') throw error;
    logger.error(
      { problem: errorText(error), sequence: row.sequence },
      'an entry of the ledger cannot be proved',
    );
    return null;
  }
}

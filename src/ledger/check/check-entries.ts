import { setImmediate } from 'node:timers/promises';
import { queryRows, type DataSource } from '../../platform/index.js';
import { parseLeaf, type Leaf } from '../leaf.js';
import { hashLeafText } from '../merkle/hash.js';
import { TILE_WIDTH } from '../merkle/tile.js';
import type { Person, PersonKeys } from '../person-keys.js';
import type { PrivatePart } from '../private-part.js';
import { commitTo, hashSubject, openEntry } from '../seal-entry.js';
import { LogProblem } from './log-problem.js';

interface EntryRow {
  leaf: string;
  subject_hash: Buffer | null;
  sealed: Buffer | null;
}

/** Every entry in its place and chained, and beside each what it commits to; answers their hashes. */
export async function checkEntries(
  deps: { database: DataSource; people: PersonKeys },
  { begin, end, previous }: { begin: number; end: number; previous: string },
): Promise<Buffer[]> {
  const rows = await queryRows<EntryRow>(
    deps.database,
    `SELECT leaf, subject_hash, sealed FROM ledger_entries WHERE sequence >= $1 AND sequence < $2 ORDER BY sequence`,
    [begin, end],
  );
  if (rows.length < end - begin)
    throw new LogProblem(`of the entries ${begin} to ${end - 1} only ${rows.length} are left`);
  let last = previous;
  const entries = rows.map((row, at) => {
    const leaf = parseLeaf(row.leaf);
    if (leaf?.sequence !== begin + at) throw new LogProblem(`entry ${begin + at} was changed or moved`);
    if (leaf.previous !== last)
      throw new LogProblem(
        `entry ${begin + at} does not continue the one before it: one of them was changed`,
      );
    const hash = hashLeafText(row.leaf);
    last = hash.toString('hex');
    return { ...row, leaf, hash };
  });
  const names = [...new Set(entries.map(({ leaf }) => leaf.account))];
  // Read after the entries: who was erased in between is not found, and then nothing can be said of what is sealed.
  const people = await deps.people.findByPseudonyms(deps.database, names);
  for (const [at, entry] of entries.entries()) {
    if (at % TILE_WIDTH === 0) await setImmediate();
    const person = people.get(entry.leaf.account);
    const problem = person === undefined ? null : explainSealed(entry, person);
    if (problem !== null) throw new LogProblem(`entry ${entry.leaf.sequence}: ${problem}`);
  }
  return entries.map(({ hash }) => hash);
}

/** Why what stands beside an entry of a person whose key is there is not what was put there. */
function explainSealed(
  { leaf, hash, sealed, subject_hash: subjectHash }: Omit<EntryRow, 'leaf'> & { leaf: Leaf; hash: Buffer },
  { key }: Person,
): string | null {
  // Nothing is sealed only for those whose key is destroyed, and their entries have names that are used once.
  if (sealed === null) return 'its content is gone, and its person was not erased';
  const opened = openEntry(key, hash, sealed);
  if (opened === null || commitTo(opened.salt, opened.content) !== leaf.commitment)
    return 'the content beside it is not what it commits to';
  const { subject } = JSON.parse(opened.content) as PrivatePart;
  return subjectHash?.equals(hashSubject(key, leaf.kind, subject)) === true
    ? null
    : 'it is not found by its subject any more';
}

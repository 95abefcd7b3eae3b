import { queryRows, type DataSource } from '../../platform/index.js';
import { openCheckpoint, parseCheckpointText } from '../note/checkpoint.js';
import { parseNote } from '../note/signed-note.js';
import { readVerifiers, type LogKeys } from '../signing-keys.js';
import { LogProblem } from './log-problem.js';

// A quiet log has a checkpoint for each entry, and a signature takes ten times as long as all else: of many in one step so
// many are verified, each pass others. What a checkpoint says is compared of every one.
const SIGNATURES_MAX = 64;

interface CheckpointRow {
  size: string;
  previous_size: string | null;
  note: string;
}

/**
 * The checkpoints at these sizes: each extends the one before, has the root that the entries make, and was signed. Answers
 * the size of the last.
 */
export async function checkCheckpoints(
  deps: { database: DataSource; origin: string; keys: LogKeys },
  span: { begin: number; end: number; last: number | null; roots: ReadonlyMap<number, Buffer> },
): Promise<number | null> {
  const { database, origin, keys } = deps;
  const rows = await queryRows<CheckpointRow>(
    database,
    `SELECT size, previous_size, note FROM ledger_checkpoints WHERE size >= $1 AND size <= $2 ORDER BY size`,
    [span.last === null ? 0 : span.begin + 1, span.end],
  );
  let { last } = span;
  const verifiers = await readVerifiers(database, keys, span.end);
  const older = await readVerifiers(database, keys, span.begin);
  const share = SIGNATURES_MAX / rows.length;
  for (const row of rows) {
    const size = Number(row.size);
    const previous = row.previous_size === null ? null : Number(row.previous_size);
    if (previous !== last)
      throw new LogProblem(
        `the checkpoint of size ${size} extends that of ${previous}, and ${last} stands before it`,
      );
    const said = parseCheckpointText(parseNote(row.note)?.text ?? '');
    if (said?.size !== size || said.origin !== origin || span.roots.get(size)?.equals(said.root) !== true)
      throw new LogProblem(`the checkpoint of size ${size} is not the one of the entries`);
    if (Math.random() < share) {
      const isSigned = [verifiers, older].some((believed) => openCheckpoint(row.note, origin, believed).ok);
      if (!isSigned) throw new LogProblem(`the checkpoint of size ${size} is signed by no key of this log`);
    }
    last = size;
  }
  return last;
}

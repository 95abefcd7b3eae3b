import {
  AppError,
  badInput,
  notFound,
  type Clock,
  type DataSource,
  type InputProblem,
  type Logger,
} from '../platform/index.js';
import { parseCheckpointText, type Checkpoint } from './note/checkpoint.js';
import { parseNote } from './note/signed-note.js';
import { TileTree } from './merkle/tile-tree.js';
import type { PersonKeys } from './person-keys.js';
import { readCheckpoint, readTile } from './read-log.js';

/** What reading the ledger needs. */
export interface LedgerDeps {
  database: DataSource;
  clock: Clock;
  people: PersonKeys;
  logger: Logger;
}

export interface SignedCheckpoint extends Checkpoint {
  /** The checkpoint as it was signed (C2SP tlog-checkpoint). */
  note: string;
  createdAt: Date;
}

/** The newest checkpoint as it stands there, read by nobody. UNAVAILABLE until the first worker has begun the log. */
export async function signedCheckpoint(deps: {
  database: DataSource;
}): Promise<{ size: number; note: string; createdAt: Date }> {
  const head = await readCheckpoint(deps.database);
  if (head === null) throw new AppError('UNAVAILABLE', 'the ledger has not begun: no worker has run yet');
  return head;
}

/** The newest checkpoint, read. Its signature is for those to verify who do not trust this server. */
export async function currentCheckpoint(deps: { database: DataSource }): Promise<SignedCheckpoint> {
  const head = await signedCheckpoint(deps);
  const checkpoint = parseCheckpointText(parseNote(head.note)?.text ?? '');
  if (checkpoint === null) throw new Error(`the checkpoint of size ${head.size} cannot be read`);
  return { ...checkpoint, note: head.note, createdAt: head.createdAt };
}

/** The tree of one size, made from tiles that are read when a proof needs them. */
export function treeOf(deps: { database: DataSource }, size: number): TileTree {
  return new TileTree(size, async (tile) => {
    const bytes = await readTile(deps.database, tile);
    if (bytes === null) throw notFound(`tile ${tile.level}/${tile.index}`);
    return bytes;
  });
}

/** Sizes come as 64-bit numbers; no tree is larger than the newest checkpoint, so what passes is a safe number. */
export function checkSizes(sizes: Record<string, { value: bigint; least: bigint; most: number }>): void {
  const problems: InputProblem[] = Object.entries(sizes)
    .filter(([, { value, least, most }]) => value < least || value > BigInt(most))
    .map(([path, { least, most }]) => ({
      path,
      reason: BigInt(most) < least ? 'the ledger has no entries yet' : `must be from ${least} to ${most}`,
    }));
  if (problems.length > 0) throw badInput(problems);
}

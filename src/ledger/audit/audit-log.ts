import { CompactRange } from '../merkle/compact-range.js';
import { HASH_BYTES } from '../merkle/hash.js';
import { NO_PREVIOUS } from '../leaf.js';
import { TILE_HEIGHT, TILE_WIDTH, tilePath, tilesOf, widthOf } from '../merkle/tile.js';
import type { Checkpoint } from '../note/checkpoint.js';
import { readKeysFile, type AuditKey } from './audit-keys.js';
import { parseBundle } from './bundle.js';
import { checkEntry } from './check-entry.js';
import type { FileSource } from './file-source.js';
import { Finding, entriesUnder, firstDifference, type AuditProblem } from './finding.js';
import { readKept, type KeptCheckpoint } from './kept-checkpoints.js';
import { believeCheckpoint, readNeeded } from './read-checkpoint.js';

export type AuditReport =
  | { ok: true; origin: string; size: number; rootHash: string; checkpoints: number }
  | { ok: false; problem: AuditProblem };

export interface AuditOptions {
  /** Keys that the auditor trusts on their own account; without them the ones in the mirror have to do. */
  trusted?: readonly AuditKey[];
  /** The name the log must have; without it, whatever name its checkpoint has. */
  origin?: string | null;
}

/**
 * Recomputes the whole log from its files, without the server that made it: every entry in its place and chained to the
 * one before, every tile, the root, the signatures, and every checkpoint that was ever kept.
 */
export async function auditLog(source: FileSource, options: AuditOptions = {}): Promise<AuditReport> {
  try {
    const keys = options.trusted ?? readKeysFile(await readNeeded(source, 'keys'));
    const belief = { keys, origin: options.origin ?? null };
    const head = believeCheckpoint(await readNeeded(source, 'checkpoint'), 'checkpoint', belief);
    const kept = await readKept(source, { keys, origin: head.origin }, head.size);
    const roots = await recompute(source, head, new Set(kept.map((checkpoint) => checkpoint.size)));
    compareRoots(roots, [...kept, { ...head, file: 'checkpoint' }]);
    const rootHash = head.root.toString('base64');
    return { ok: true, origin: head.origin, size: head.size, rootHash, checkpoints: kept.length };
  } catch (error) {
    if (error instanceof Finding) return { ok: false, problem: error.problem };
    throw error;
  }
}

/** Each checkpoint, by size; what the last one that holds does not cover is where the log was changed. */
function compareRoots(roots: ReadonlyMap<number, Buffer>, checkpoints: readonly KeptCheckpoint[]): void {
  let holds = 0;
  for (const { size, root, file } of checkpoints) {
    if (roots.get(size)?.equals(root) === true) {
      holds = size;
      continue;
    }
    const where = size > holds ? { first: holds, last: size - 1 } : null;
    const reason =
      file === 'checkpoint'
        ? 'the entries do not have the root that was signed'
        : file.includes('fork')
          ? 'the log has signed this too, and it is not what is here: the log was forked'
          : `the log was another one when it had ${size} entries`;
    throw new Finding(where, file, reason);
  }
}

/** Reads every entry and every tile; answers the roots at the wanted sizes and at the end. */
async function recompute(
  source: FileSource,
  head: Checkpoint,
  wantedSizes: ReadonlySet<number>,
): Promise<Map<number, Buffer>> {
  const range = new CompactRange();
  const roots = new Map([[0, range.root()]]);
  const tiles = new TileCollector();
  let previous = NO_PREVIOUS;
  for (let index = 0; index * TILE_WIDTH < head.size; index += 1) {
    const { path, entries, tile } = await readLeafTile(source, index, widthOf(0, index, head.size));
    for (const [at, entry] of entries.entries()) {
      const sequence = index * TILE_WIDTH + at;
      const inTile = tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
      const hash = checkEntry(entry, { sequence, previous, path, inTile });
      previous = hash.toString('hex');
      tiles.collect(range.append(hash));
      if (wantedSizes.has(range.size)) roots.set(range.size, range.root());
    }
  }
  await checkUpperTiles(source, head.size, tiles);
  return roots.set(range.size, range.root());
}

/** The entries of a bundle, and the tile of their hashes. */
async function readLeafTile(source: FileSource, index: number, width: number) {
  const [bundle, tile] = [{ level: 'entries', index, width } as const, { level: 0, index, width }];
  const [path, pathOfTile] = [tilePath(bundle), tilePath(tile)];
  const [bytes, hashes] = await Promise.all([source.read(path), source.read(pathOfTile)]);
  const where = entriesUnder(bundle);
  if (bytes === null) throw new Finding(where, path, 'is missing');
  const entries = parseBundle(bytes, width);
  if (entries === null) throw new Finding(where, path, `does not hold ${width} entries`);
  if (hashes === null) throw new Finding(where, pathOfTile, 'is missing');
  if (hashes.length !== width * HASH_BYTES)
    throw new Finding(where, pathOfTile, `does not hold ${width} hashes`);
  return { path, entries, tile: hashes };
}

/** The hashes that tiles of level 1 and above must consist of, as the entries make them. */
class TileCollector {
  readonly levels: Buffer[][] = [];

  collect(ending: Buffer[]): void {
    for (let height = TILE_HEIGHT, level = 1; height < ending.length; height += TILE_HEIGHT, level += 1)
      (this.levels[level] ??= []).push(ending[height] ?? Buffer.of());
  }
}

async function checkUpperTiles(source: FileSource, size: number, { levels }: TileCollector): Promise<void> {
  for (const tile of tilesOf(size)) {
    if (tile.level === 0) continue;
    const path = tilePath(tile);
    const first = tile.index * TILE_WIDTH;
    const expected = Buffer.concat((levels[tile.level] ?? []).slice(first, first + tile.width));
    const bytes = await source.read(path);
    if (bytes === null) throw new Finding(entriesUnder(tile), path, 'is missing');
    const at = firstDifference(bytes, expected, HASH_BYTES);
    if (at !== null)
      throw new Finding(
        entriesUnder(tile, Math.min(at, tile.width - 1)),
        path,
        'the hash in the tile is not that of the entries',
      );
  }
}

import { HASH_BYTES } from '../merkle/hash.js';
import { TILE_WIDTH, tilePath, tilesOf, widthOf } from '../merkle/tile.js';
import type { FileSource } from './file-source.js';
import { firstDifference, type SequenceRange } from './finding.js';

/** Where what is served begins to differ from what was copied of a log that had `from` entries and has `to` now. */
export async function findFork(
  kept: FileSource,
  served: FileSource,
  { from, to }: { from: number; to: number },
): Promise<number | SequenceRange> {
  for (const tile of tilesOf(from)) {
    if (tile.level > 0) break;
    const before = await kept.read(tilePath(tile));
    const now = await served.read(tilePath({ ...tile, width: widthOf(0, tile.index, to) }));
    if (before === null || now === null) continue;
    const at = firstDifference(before, now.subarray(0, before.length), HASH_BYTES);
    if (at !== null) return tile.index * TILE_WIDTH + at;
  }
  return { first: 0, last: from - 1 };
}

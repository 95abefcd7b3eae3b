import { CompactRange } from '../merkle/compact-range.js';
import { HASH_BYTES, hashLeaf, isSameHash } from '../merkle/hash.js';
import { TILE_WIDTH, tilePath, widthOf, type TileName } from '../merkle/tile.js';
import { parseBundle } from './bundle.js';
import { Finding, entriesUnder } from './finding.js';

/** A tile of hashes, no bundle. */
export type Tile = TileName & { level: number };

/** Does a full tile have the root that stands for it one level above? */
export async function verifyTile(
  { level, index, width }: Tile,
  bytes: Buffer,
  { size, readVerified }: { size: number; readVerified: (tile: Tile) => Promise<Buffer> },
): Promise<void> {
  const above = Math.floor(index / TILE_WIDTH);
  const parent = await readVerified({
    level: level + 1,
    index: above,
    width: widthOf(level + 1, above, size),
  });
  const at = (index % TILE_WIDTH) * HASH_BYTES;
  const range = new CompactRange();
  for (let each = 0; each < bytes.length; each += HASH_BYTES)
    range.append(bytes.subarray(each, each + HASH_BYTES));
  if (isSameHash(range.root(), parent.subarray(at, at + HASH_BYTES))) return;
  const tile = { level, index, width };
  throw new Finding(
    entriesUnder(tile),
    tilePath(tile),
    'does not have the root that the tile above it has for it',
  );
}

/** Are the entries of a bundle those of the hashes in its tile? */
export function verifyBundle(bundle: TileName, bytes: Buffer, hashes: Buffer): void {
  const path = tilePath(bundle);
  const entries = parseBundle(bytes, bundle.width);
  if (entries === null)
    throw new Finding(entriesUnder(bundle), path, `does not hold ${bundle.width} entries`);
  for (const [at, entry] of entries.entries())
    if (!isSameHash(hashLeaf(entry), hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)))
      throw new Finding(entriesUnder(bundle, at), path, 'its hash is not the one in the tile');
}

import type { DataSource } from '../../platform/index.js';
import { treeOf } from '../ledger.js';
import { CompactRange } from '../merkle/compact-range.js';
import { HASH_BYTES } from '../merkle/hash.js';
import { TILE_LEVEL_MAX, TILE_WIDTH, hashesAt, widthOf } from '../merkle/tile.js';
import { readTile } from '../read-log.js';
import { LogProblem } from './log-problem.js';
import type { Pass } from './pass.js';

/** Are the stored tiles those of the entries, and the roots above them those of the tiles? */
export async function checkTiles(
  database: DataSource,
  begin: number,
  hashes: readonly Buffer[],
): Promise<void> {
  for (let at = 0; at < hashes.length; at += TILE_WIDTH) {
    const own = hashes.slice(at, at + TILE_WIDTH);
    const index = (begin + at) / TILE_WIDTH;
    const tile = await readTile(database, { level: 0, index, width: own.length });
    if (tile?.equals(Buffer.concat(own)) !== true)
      throw new LogProblem(`tile 0/${index} is not the one of its entries`);
    if (own.length === TILE_WIDTH) await checkAbove(database, { level: 0, index, own });
  }
}

/** The root of a full tile as the level above has it, and where that fills a tile too, further up. */
async function checkAbove(
  database: DataSource,
  { level, index, own }: { level: number; index: number; own: readonly Buffer[] },
): Promise<void> {
  const range = new CompactRange();
  for (const hash of own) range.append(hash);
  const [above, width] = [Math.floor(index / TILE_WIDTH), (index % TILE_WIDTH) + 1];
  const tile = await readTile(database, { level: level + 1, index: above, width });
  if (tile?.subarray(-HASH_BYTES).equals(range.root()) !== true)
    throw new LogProblem(`the root of tile ${level}/${index} is not the one of its hashes`);
  if (width < TILE_WIDTH || level + 1 > TILE_LEVEL_MAX) return;
  const hashes = Array.from({ length: width }, (_, at) =>
    tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
  await checkAbove(database, { level: level + 1, index: above, own: hashes });
}

/** Do the entries, and the tiles that proofs are made of, have the root that was signed? */
export async function checkRoot(deps: { database: DataSource }, { size, root, range }: Pass): Promise<void> {
  if (!range.root().equals(root))
    throw new LogProblem(`the entries do not have the root of the checkpoint of size ${size}`);
  for (let level = 1; level <= TILE_LEVEL_MAX && hashesAt(level, size) > 0; level += 1) {
    const index = Math.floor((hashesAt(level, size) - 1) / TILE_WIDTH);
    if ((await readTile(deps.database, { level, index, width: widthOf(level, index, size) })) === null)
      throw new LogProblem(`the tile ${level}/${index} is not whole`);
  }
  if (!(await treeOf(deps, size).root()).equals(root))
    throw new LogProblem(`the tiles do not have the root of the checkpoint of size ${size}`);
}

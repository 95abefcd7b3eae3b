import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TILE_LEVEL_MAX, TILE_WIDTH, tilePath, tilesOf, type TileName } from '../merkle/tile.js';
import type { FileSource } from './file-source.js';
import { Finding } from './finding.js';
import { fetchTile, type Edge } from './served-tree.js';
import { verifyBundle, verifyTile, type Tile } from './verify-copied.js';
import { writeWhole } from './write-whole.js';

// Enough to hide the way there and back, few enough not to be a load.
const FETCHES_AT_ONCE = 8;

interface CopyOrder {
  served: FileSource;
  kept: FileSource;
  folder: string;
  edge: Edge;
  size: number;
  isRefetched: boolean;
}

/**
 * Copies what is not there yet of a tree whose edge was verified: full tiles from the top down, each by its hash in the one
 * above, then bundles by the tiles of their hashes. Answers how many files were fetched.
 */
export async function copyTiles(order: CopyOrder): Promise<number> {
  const { served, kept, folder, edge, size } = order;
  let fetched = 0;
  const keep = async (tile: TileName, bytes: Buffer) => {
    await writeWhole(join(folder, tilePath(tile)), bytes);
    fetched += 1;
  };
  const readVerified = async (tile: Tile): Promise<Buffer> => {
    const path = tilePath(tile);
    return fetchTile(async () => edge.tiles.get(path) ?? kept.read(path), tile);
  };
  const copyEach = async (
    tiles: readonly TileName[],
    verify: (tile: TileName, bytes: Buffer) => Promise<void>,
  ) => {
    const waiting = tiles.values();
    const copyNext = async (): Promise<void> => {
      for (const tile of waiting) {
        if (!order.isRefetched && (await exists(join(folder, tilePath(tile))))) continue;
        const bytes = await fetchTile((path) => served.read(path), tile);
        await verify(tile, bytes);
        await keep(tile, bytes);
      }
    };
    // All of them end before a finding is told, so that nothing is written afterwards; the first in order is the one.
    const done = await Promise.allSettled(Array.from({ length: FETCHES_AT_ONCE }, copyNext));
    const failures = done.filter((one) => one.status === 'rejected').map(({ reason }) => reason as unknown);
    if (failures.length > 0) throw firstOf(failures);
  };
  const tiles = [...tilesOf(size)];
  for (let level = TILE_LEVEL_MAX; level >= 0; level -= 1)
    await copyEach(
      tiles.filter((tile) => tile.level === level && tile.width === TILE_WIDTH),
      (tile, bytes) => verifyTile(tile as Tile, bytes, { size, readVerified }),
    );
  for (const tile of tiles) {
    const bytes = edge.tiles.get(tilePath(tile));
    if (bytes !== undefined && !(await exists(join(folder, tilePath(tile))))) await keep(tile, bytes);
  }
  await copyEach(
    tiles.filter((tile) => tile.level === 0).map((tile) => ({ ...tile, level: 'entries' as const })),
    async (bundle, bytes) => verifyBundle(bundle, bytes, await readVerified({ ...bundle, level: 0 })),
  );
  return fetched;
}

function firstOf(failures: readonly unknown[]): unknown {
  const isNoFinding = failures.find((failure) => !(failure instanceof Finding));
  if (isNoFinding !== undefined) return isNoFinding;
  const findings = failures as Finding[];
  return findings.toSorted((one, other) => (one.problem.sequence ?? 0) - (other.problem.sequence ?? 0))[0];
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

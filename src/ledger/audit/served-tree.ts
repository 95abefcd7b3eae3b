import { HASH_BYTES } from '../merkle/hash.js';
import { TILE_LEVEL_MAX, TILE_WIDTH, hashesAt, tilePath, widthOf, type TileName } from '../merkle/tile.js';
import { TileTree } from '../merkle/tile-tree.js';
import type { FileSource } from './file-source.js';
import { Finding, entriesUnder } from './finding.js';

type Read = FileSource['read'];

/** The bytes of a tile or bundle; a log that does not have one of its own is a finding. */
export async function fetchTile(read: Read, tile: TileName): Promise<Buffer> {
  const path = tilePath(tile);
  const bytes = await read(path);
  if (bytes === null) throw new Finding(entriesUnder(tile), path, 'is missing');
  if (tile.level !== 'entries' && bytes.length !== tile.width * HASH_BYTES)
    throw new Finding(entriesUnder(tile), path, `does not hold ${tile.width} hashes`);
  return bytes;
}

/** The tree of `size` leaves from the tiles of one that has grown to `servedSize`: older tiles are the beginnings of newer ones. */
export function treeFrom(read: Read, size: number, servedSize: number): TileTree {
  return new TileTree(size, async ({ level, index, width }) => {
    const tile = { level, index, width: widthOf(level, index, servedSize) };
    return (await fetchTile(read, tile)).subarray(0, width * HASH_BYTES);
  });
}

/** The tiles at the right edge, by their paths: the root is made of nothing else, and so they are verified by it. */
export interface Edge {
  tiles: ReadonlyMap<string, Buffer>;
  read: Read;
}

export async function readEdge(served: FileSource, size: number): Promise<Edge> {
  const tiles = new Map<string, Buffer>();
  for (let level = 0; level <= TILE_LEVEL_MAX; level += 1) {
    const width = hashesAt(level, size) % TILE_WIDTH;
    if (width === 0) continue;
    const tile = { level, index: Math.floor(hashesAt(level, size) / TILE_WIDTH), width };
    tiles.set(tilePath(tile), await fetchTile((path) => served.read(path), tile));
  }
  return { tiles, read: (path) => Promise.resolve(tiles.get(path) ?? null) };
}

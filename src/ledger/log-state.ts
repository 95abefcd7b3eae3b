import { queryRows, type EntityManager } from '../platform/index.js';
import { CompactRange } from './merkle/compact-range.js';
import { HASH_BYTES } from './merkle/hash.js';
import { TILE_HEIGHT, TILE_LEVEL_MAX, TILE_WIDTH, hashesAt } from './merkle/tile.js';
import { readTile } from './read-log.js';

/** A tile that has become full and can be written: the hashes themselves for level 0, their root for every level. */
export interface FullTile {
  level: number;
  index: number;
  root: Buffer;
  hashes: Buffer | null;
}

/** The right edge of the log in memory: what the next entries are appended to. */
export class LogState {
  readonly #range: CompactRange;
  #leafHashes: Buffer[];
  #lastLeafHash: Buffer | null;

  constructor(
    range: CompactRange = new CompactRange(),
    leafHashes: Buffer[] = [],
    lastLeafHash: Buffer | null = null,
  ) {
    this.#range = range;
    this.#leafHashes = leafHashes;
    this.#lastLeafHash = lastLeafHash;
  }

  get size(): number {
    return this.#range.size;
  }

  /** What the next entry names as `previous`; null before the first. */
  get lastLeafHash(): Buffer | null {
    return this.#lastLeafHash;
  }

  root(): Buffer {
    return this.#range.root();
  }

  /** A batch is appended to a copy, which takes the place of the original when its transaction has been committed. */
  copy(): LogState {
    return new LogState(this.#range.copy(), [...this.#leafHashes], this.#lastLeafHash);
  }

  /** Appends a leaf and answers the tiles it has filled, lowest first. */
  append(leafHash: Buffer): FullTile[] {
    const ending = this.#range.append(leafHash);
    this.#leafHashes.push(leafHash);
    this.#lastLeafHash = leafHash;
    const filled: FullTile[] = [];
    let index = this.size;
    for (let level = 0; level <= TILE_LEVEL_MAX; level += 1) {
      const root = ending[TILE_HEIGHT * (level + 1)];
      if (root === undefined) break;
      index /= TILE_WIDTH;
      const hashes = level === 0 ? Buffer.concat(this.#leafHashes) : null;
      filled.push({ level, index: index - 1, root, hashes });
    }
    if (filled.length > 0) this.#leafHashes = [];
    return filled;
  }
}

/** Rebuilds the state from the tiles at the right edge: one query a level. */
export async function readLogState(manager: EntityManager, size: number): Promise<LogState> {
  const range = new CompactRange();
  let leafHashes: Buffer[] = [];
  for (let level = TILE_LEVEL_MAX; level >= 0; level -= 1) {
    const count = hashesAt(level, size);
    const width = count % TILE_WIDTH;
    if (width === 0) continue;
    const tile = await readTile(manager, { level, index: Math.floor(count / TILE_WIDTH), width });
    if (tile === null) throw new Error(`the log lacks what its size of ${size} needs in level ${level}`);
    const hashes = Array.from({ length: width }, (_, at) =>
      tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
    );
    for (const hash of hashes) range.append(hash, level * TILE_HEIGHT);
    if (level === 0) leafHashes = hashes;
  }
  return new LogState(range, leafHashes, leafHashes.at(-1) ?? (await readLastHash(manager, size)));
}

async function readLastHash(manager: EntityManager, size: number): Promise<Buffer | null> {
  if (size === 0) return null;
  const [row] = await queryRows<{ hash: Buffer }>(
    manager,
    `SELECT substring(hashes FROM $2 FOR $3) AS hash FROM ledger_tiles WHERE level = 0 AND index = $1`,
    [size / TILE_WIDTH - 1, (TILE_WIDTH - 1) * HASH_BYTES + 1, HASH_BYTES],
  );
  if (row === undefined) throw new Error(`the log lacks the tile with entry ${size - 1}`);
  return row.hash;
}

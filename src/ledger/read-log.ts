import { queryRows, type DataSource, type EntityManager } from '../platform/index.js';
import { HASH_BYTES, hashLeafText } from './merkle/hash.js';
import { TILE_WIDTH, type TileName } from './merkle/tile.js';

type Connection = DataSource | EntityManager;

/** The newest checkpoint; null when no sequencer has run yet. */
export async function readCheckpoint(
  database: Connection,
): Promise<{ size: number; note: string; createdAt: Date } | null> {
  const [row] = await queryRows<{ size: string; note: string; created_at: Date }>(
    database,
    `SELECT size, note, created_at FROM ledger_checkpoints ORDER BY size DESC LIMIT 1`,
  );
  return row === undefined ? null : { size: Number(row.size), note: row.note, createdAt: row.created_at };
}

/** The leaves from `begin` up to but not including `end`, as far as there are any. */
export async function readLeaves(database: Connection, begin: number, end: number): Promise<string[]> {
  const rows = await queryRows<{ leaf: string }>(
    database,
    `SELECT leaf FROM ledger_entries WHERE sequence >= $1 AND sequence < $2 ORDER BY sequence`,
    [begin, end],
  );
  return rows.map((row) => row.leaf);
}

/**
 * The bytes of a tile in one query; null when the log is not that wide. Only full tiles of leaf hashes are stored. A partial
 * one is hashed from its leaves, and one of a higher level is put together from the roots of the tiles below it: so
 * nothing in the log is ever rewritten.
 */
export async function readTile(
  database: Connection,
  { level, index, width }: TileName & { level: number },
): Promise<Buffer | null> {
  const first = index * TILE_WIDTH;
  const bytes =
    level === 0
      ? await readLeafHashes(database, first, width)
      : await readRoots(database, level - 1, first, width);
  return bytes.length === width * HASH_BYTES ? bytes : null;
}

async function readLeafHashes(database: Connection, first: number, width: number): Promise<Buffer> {
  const [row] = await queryRows<{ hashes: Buffer }>(
    database,
    `SELECT hashes FROM ledger_tiles WHERE level = 0 AND index = $1`,
    [first / TILE_WIDTH],
  );
  if (row !== undefined) return row.hashes.subarray(0, width * HASH_BYTES);
  const leaves = await readLeaves(database, first, first + width);
  return Buffer.concat(leaves.map((leaf) => hashLeafText(leaf)));
}

async function readRoots(database: Connection, level: number, first: number, width: number): Promise<Buffer> {
  const rows = await queryRows<{ root: Buffer }>(
    database,
    `SELECT root FROM ledger_tiles WHERE level = $1 AND index >= $2 AND index < $3 ORDER BY index`,
    [level, first, first + width],
  );
  return Buffer.concat(rows.map((row) => row.root));
}

/** A bundle of entries as C2SP tlog-tiles has it: each leaf after its length in two bytes. Null when there are fewer. */
export async function readBundle(database: Connection, index: number, width: number): Promise<Buffer | null> {
  const first = index * TILE_WIDTH;
  const leaves = await readLeaves(database, first, first + width);
  if (leaves.length !== width) return null;
  return writeBundle(leaves);
}

export function writeBundle(leaves: readonly string[]): Buffer {
  return Buffer.concat(
    leaves.flatMap((leaf) => {
      const bytes = Buffer.from(leaf);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      return [length, bytes];
    }),
  );
}

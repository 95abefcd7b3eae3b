import { parseLeaf, NO_PREVIOUS } from '../leaf.js';
import { CompactRange } from '../merkle/compact-range.js';
import { hashLeaf, HASH_BYTES } from '../merkle/hash.js';
import { TILE_HEIGHT, TILE_WIDTH, tilePath, tilesOf, widthOf } from '../merkle/tile.js';
import { openCheckpoint, parseCheckpointText, type Checkpoint } from '../note/checkpoint.js';
import { parseNote } from '../note/signed-note.js';
import { keysFor, parseKeysFile, type AuditKey } from './audit-keys.js';
import { parseBundle } from './bundle.js';
import type { FileSource } from './file-source.js';

export type AuditReport =
  | { ok: true; origin: string; size: number; rootHash: string; checkpoints: number }
  | { ok: false; problem: AuditProblem };

/** The first thing that is wrong: with an entry, where one can be named, else with a file. */
export interface AuditProblem {
  sequence: number | null;
  file: string;
  reason: string;
}

export interface AuditOptions {
  /** Keys that the auditor trusts on their own account; without them the ones in the mirror have to do. */
  trusted?: readonly AuditKey[];
  /** The name the log must have; without it, whatever name its checkpoint has. */
  origin?: string | null;
}

/** Where checkpoints are kept that a mirror has seen before: a log must still contain each of them. */
export const KEPT_CHECKPOINTS = 'checkpoints';

/**
 * Recomputes the whole log from its files, without the server that made it: every entry in its place and chained to the
 * one before, every tile, the root, the signatures, and every checkpoint that was ever kept.
 */
export async function auditLog(source: FileSource, options: AuditOptions = {}): Promise<AuditReport> {
  try {
    const keys = options.trusted ?? (await readKeysFile(source));
    const head = await readCheckpointFile(source, 'checkpoint', keys, options.origin ?? null);
    const kept = await readKept(source, keys, head);
    const roots = await recompute(source, head, new Set(kept.map((checkpoint) => checkpoint.size)));
    for (const { size, root } of kept)
      if (roots.get(size)?.equals(root) !== true)
        throw new Finding(
          null,
          `${KEPT_CHECKPOINTS}/${size}`,
          `the log was another one when it had ${size} entries`,
        );
    if (roots.get(head.size)?.equals(head.root) !== true)
      throw new Finding(null, 'checkpoint', 'the entries do not have the root that was signed');
    const rootHash = head.root.toString('base64');
    return { ok: true, origin: head.origin, size: head.size, rootHash, checkpoints: kept.length };
  } catch (error) {
    if (error instanceof Finding) return { ok: false, problem: error.problem };
    throw error;
  }
}

/** Ends the audit: what comes after the first bad entry says nothing more. */
class Finding extends Error {
  readonly problem: AuditProblem;

  constructor(sequence: number | null, file: string, reason: string) {
    super(reason);
    this.problem = { sequence, file, reason };
  }
}

async function readNeeded(source: FileSource, path: string): Promise<Buffer> {
  const bytes = await source.read(path);
  if (bytes === null) throw new Finding(null, path, 'is missing');
  return bytes;
}

async function readKeysFile(source: FileSource): Promise<AuditKey[]> {
  const bytes = await readNeeded(source, 'keys');
  try {
    return parseKeysFile(bytes);
  } catch (error) {
    throw new Finding(
      null,
      'keys',
      `is no list of keys: ${(error as Error).message.split('\n', 1).join('')}`,
    );
  }
}

/** The size is believed only for choosing the keys: a key that was retired signs nothing later. */
async function readCheckpointFile(
  source: FileSource,
  path: string,
  keys: readonly AuditKey[],
  origin: string | null,
): Promise<Checkpoint> {
  const bytes = await readNeeded(source, path);
  const note = bytes.toString();
  if (!Buffer.from(note).equals(bytes)) throw new Finding(null, path, 'is not UTF-8');
  const claimed = parseCheckpointText(parseNote(note)?.text ?? '');
  if (claimed === null) throw new Finding(null, path, 'is no checkpoint');
  const opened = openCheckpoint(note, origin ?? claimed.origin, keysFor(keys, claimed.size));
  if (!opened.ok) throw new Finding(null, path, opened.reason);
  return opened.checkpoint;
}

async function readKept(
  source: FileSource,
  keys: readonly AuditKey[],
  head: Checkpoint,
): Promise<Checkpoint[]> {
  const kept: Checkpoint[] = [];
  for (const name of await source.list(KEPT_CHECKPOINTS)) {
    const path = `${KEPT_CHECKPOINTS}/${name}`;
    const checkpoint = await readCheckpointFile(source, path, keys, head.origin);
    if (checkpoint.size > head.size)
      throw new Finding(
        head.size,
        path,
        `the log had ${checkpoint.size} entries once and has only ${head.size} now`,
      );
    kept.push(checkpoint);
  }
  return kept;
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
    const width = widthOf(0, index, head.size);
    const bundlePath = tilePath({ level: 'entries', index, width });
    const tilePath0 = tilePath({ level: 0, index, width });
    const entries = parseBundle(await readNeeded(source, bundlePath), width);
    if (entries === null) throw new Finding(index * TILE_WIDTH, bundlePath, `does not hold ${width} entries`);
    const tile = await readNeeded(source, tilePath0);
    if (tile.length !== width * HASH_BYTES)
      throw new Finding(index * TILE_WIDTH, tilePath0, `does not hold ${width} hashes`);
    for (const [at, entry] of entries.entries()) {
      const sequence = index * TILE_WIDTH + at;
      const hash = checkEntry(entry, { sequence, previous, path: bundlePath });
      if (!tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES).equals(hash))
        throw new Finding(sequence, tilePath0, 'the hash in the tile is not that of the entry');
      previous = hash.toString('hex');
      tiles.collect(range.append(hash));
      if (wantedSizes.has(range.size)) roots.set(range.size, range.root());
    }
  }
  await checkUpperTiles(source, head.size, tiles);
  return roots.set(range.size, range.root());
}

function checkEntry(entry: Buffer, expected: { sequence: number; previous: string; path: string }): Buffer {
  const { sequence, previous, path } = expected;
  const text = entry.toString();
  const leaf = parseLeaf(text);
  if (leaf === null || !Buffer.from(text).equals(entry)) throw new Finding(sequence, path, 'is no entry');
  if (leaf.sequence !== sequence)
    throw new Finding(sequence, path, `stands at ${sequence} and says it is ${leaf.sequence}`);
  if (leaf.previous !== previous) throw new Finding(sequence, path, 'does not continue the entry before it');
  return hashLeaf(entry);
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
    if (!(await readNeeded(source, path)).equals(expected))
      throw new Finding(null, path, 'is not the tile that the entries make');
  }
}

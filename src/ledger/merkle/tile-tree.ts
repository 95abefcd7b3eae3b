import { EMPTY_ROOT, hashNode, HASH_BYTES } from './hash.js';
import { consistencyRanges, inclusionRanges, type LeafRange } from './proof-ranges.js';
import { TILE_HEIGHT, TILE_WIDTH, widthOf } from './tile.js';

/** Answers the bytes of a tile: `width` hashes, each of 32 bytes. */
export type ReadTile = (tile: { level: number; index: number; width: number }) => Promise<Uint8Array>;

/** A perfect subtree: the one at `index` among those of `2^height` leaves. */
interface Subtree {
  height: number;
  index: number;
}

/**
 * A tree of one size as its tiles: what every proof is made from. A proof needs the tiles on one way from a leaf to the
 * root and those at the right edge, at most two for each eight levels, and each is read once.
 */
export class TileTree {
  readonly #size: number;
  readonly #readTile: ReadTile;
  readonly #tiles = new Map<string, Promise<Uint8Array>>();

  constructor(size: number, readTile: ReadTile) {
    this.#size = size;
    this.#readTile = readTile;
  }

  async root(): Promise<Buffer> {
    return this.#size === 0 ? EMPTY_ROOT : this.#rangeRoot({ begin: 0, end: this.#size });
  }

  async leafHash(sequence: number): Promise<Buffer> {
    return this.#subtreeRoot({ height: 0, index: sequence });
  }

  /** Needs 0 <= sequence < size. */
  async inclusionProof(sequence: number): Promise<Buffer[]> {
    return Promise.all(inclusionRanges(sequence, this.#size).map((range) => this.#rangeRoot(range)));
  }

  /** From an older size to this one; needs 0 <= from <= size. */
  async consistencyProof(from: number): Promise<Buffer[]> {
    if (from === 0) return [];
    return Promise.all(consistencyRanges(from, this.#size).map((range) => this.#rangeRoot(range)));
  }

  async #rangeRoot(range: LeafRange): Promise<Buffer> {
    const roots = await Promise.all(perfectSubtrees(range).map((subtree) => this.#subtreeRoot(subtree)));
    return roots.reduceRight((right, left) => hashNode(left, right));
  }

  async #subtreeRoot({ height, index }: Subtree): Promise<Buffer> {
    const level = Math.floor(height / TILE_HEIGHT);
    const count = 2 ** (height % TILE_HEIGHT);
    const first = index * count;
    const tile = await this.#tile(level, Math.floor(first / TILE_WIDTH));
    const at = first % TILE_WIDTH;
    let hashes: Buffer[] = Array.from({ length: count }, (_, i) =>
      Buffer.from(tile.subarray((at + i) * HASH_BYTES, (at + i + 1) * HASH_BYTES)),
    );
    while (hashes.length > 1)
      hashes = Array.from({ length: hashes.length / 2 }, (_, i) =>
        hashNode(hashes[2 * i] ?? Buffer.of(), hashes[2 * i + 1] ?? Buffer.of()),
      );
    return hashes[0] ?? Buffer.of();
  }

  #tile(level: number, index: number): Promise<Uint8Array> {
    const name = `${level}/${index}`;
    const known = this.#tiles.get(name);
    if (known !== undefined) return known;
    const width = widthOf(level, index, this.#size);
    const read = this.#readTile({ level, index, width }).then((bytes) => {
      if (bytes.length === width * HASH_BYTES) return bytes;
      throw new RangeError(`tile ${name} has ${bytes.length} bytes instead of ${width * HASH_BYTES}`);
    });
    this.#tiles.set(name, read);
    return read;
  }
}

/** The perfect subtrees that a range consists of, from left to right. A range in a proof begins where one of them may. */
function perfectSubtrees({ begin, end }: LeafRange): Subtree[] {
  const subtrees: Subtree[] = [];
  for (let at = begin; at < end;) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= end) height += 1;
    subtrees.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return subtrees;
}

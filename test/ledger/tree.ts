import { EMPTY_ROOT, hashLeaf, hashNode } from '../../src/ledger/merkle/hash.js';
import { CompactRange } from '../../src/ledger/merkle/compact-range.js';
import type { ReadTile } from '../../src/ledger/merkle/tile-tree.js';

/** The definitions of RFC 6962, section 2.1, word for word and as slow: what the product's own code is compared with. */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves;
  if (first === undefined) return EMPTY_ROOT;
  if (leaves.length === 1) return first;
  const k = splitAt(leaves.length);
  return hashNode(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

export function inclusionProofOf(m: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const k = splitAt(leaves.length);
  return m < k
    ? [...inclusionProofOf(m, leaves.slice(0, k)), rootOf(leaves.slice(k))]
    : [...inclusionProofOf(m - k, leaves.slice(k)), rootOf(leaves.slice(0, k))];
}

export function consistencyProofOf(m: number, leaves: readonly Buffer[]): Buffer[] {
  return m === 0 ? [] : subproof(m, leaves, true);
}

function subproof(m: number, leaves: readonly Buffer[], isWhole: boolean): Buffer[] {
  if (m === leaves.length) return isWhole ? [] : [rootOf(leaves)];
  const k = splitAt(leaves.length);
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), isWhole), rootOf(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), rootOf(leaves.slice(0, k))];
}

function splitAt(n: number): number {
  return 2 ** (Math.ceil(Math.log2(n)) - 1);
}

export function leavesOf(size: number): Buffer[] {
  return Array.from({ length: size }, (_, at) => hashLeaf(Buffer.from(`leaf ${at}`)));
}

/** Tiles made straight from the leaves, one at a time. */
export function tileReader(
  leaves: readonly Buffer[],
  note: (name: string) => void = () => undefined,
): ReadTile {
  const levels: Buffer[][] = [[...leaves]];
  for (let level = 1; level <= 3; level += 1) {
    const below = levels[level - 1] ?? [];
    levels[level] = Array.from({ length: Math.floor(below.length / 256) }, (_, at) => {
      const range = new CompactRange();
      for (const hash of below.slice(at * 256, (at + 1) * 256)) range.append(hash);
      return range.root();
    });
  }
  return ({ level, index, width }) => {
    note(`${level}/${index}`);
    return Promise.resolve(Buffer.concat((levels[level] ?? []).slice(index * 256, index * 256 + width)));
  };
}

/** What is no size of a tree or no place in one. */
export const HOSTILE_SIZES: readonly unknown[] = [
  0,
  -1,
  0.5,
  NaN,
  Infinity,
  2 ** 53,
  2 ** 60,
  2 ** 64,
  1n,
  '1',
  null,
  undefined,
];

/** What is no hash. */
export const HOSTILE_HASHES: readonly unknown[] = [
  Buffer.alloc(0),
  Buffer.alloc(31),
  Buffer.alloc(33),
  Buffer.alloc(64),
  'e3b0c44298fc1c149afbf4c8996fb924',
  [],
  null,
  undefined,
];

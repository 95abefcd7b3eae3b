import { isTreeSize } from './merkle/tree-size.js';

/**
 * What everybody may see of an entry. Its canonical JSON is the leaf of the tree. `previous` is the leaf hash of the
 * entry before it, so that the entries are a chain by themselves, whatever happened to the tree.
 */
export interface Leaf {
  version: 1;
  sequence: number;
  kind: string;
  /** When it happened, UTC, to the millisecond. */
  at: string;
  /** Says that two entries are of the same person, not of whom; after an erasure nobody can say it any more. */
  account: string;
  /** SHA-256 over salt and content, in hex: see `sealEntry`. */
  commitment: string;
  /** In hex; 64 zeros for the first entry. */
  previous: string;
}

export const NO_PREVIOUS = '0'.repeat(64);

/** Members in their order and values without anything to escape: this is RFC 8785 already, at a fraction of its price. */
export function writeLeaf({ account, at, commitment, kind, previous, sequence, version }: Leaf): string {
  return `{"account":"${account}","at":"${at}","commitment":"${commitment}","kind":"${kind}","previous":"${previous}","sequence":${sequence},"version":${version}}`;
}

// A leaf has one form, so its text can be read by that form: whatever else JSON would allow is no leaf.
const LEAF = new RegExp(
  [
    String.raw`^\{"account":"([A-Za-z0-9_-]{22})"`,
    String.raw`"at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"`,
    String.raw`"commitment":"([0-9a-f]{64})"`,
    String.raw`"kind":"([a-z]{1,40}\.[a-z]{1,40})"`,
    String.raw`"previous":"([0-9a-f]{64})"`,
    String.raw`"sequence":(0|[1-9]\d{0,15})`,
    String.raw`"version":1\}$`,
  ].join(','),
);

/** Null when this is not what `writeLeaf` writes, to the byte. */
export function parseLeaf(text: string): Leaf | null {
  const [, account, at, commitment, kind, previous, sequence] = LEAF.exec(text) ?? [];
  if (account === undefined || at === undefined || commitment === undefined) return null;
  if (kind === undefined || previous === undefined || !isTreeSize(Number(sequence))) return null;
  if (Number.isNaN(Date.parse(at))) return null;
  return { version: 1, sequence: Number(sequence), kind, at, account, commitment, previous };
}

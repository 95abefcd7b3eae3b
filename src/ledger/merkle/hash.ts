import { hash } from 'node:crypto';

/** RFC 6962, section 2.1: a leaf and a node can never hash alike, because each begins with a byte of its own. */
const LEAF_PREFIX = Buffer.of(0);
const NODE_PREFIX = Buffer.of(1);

export const HASH_BYTES = 32;

/** The root of the tree without leaves: the hash of nothing. */
export const EMPTY_ROOT: Buffer = digest(new Uint8Array());

export function digest(bytes: Uint8Array | string): Buffer {
  // By way of text: in Node 24 that takes a third of the time of asking for a buffer, which is made outside of its pool.
  return Buffer.from(hash('sha256', bytes, 'hex'), 'hex');
}

export function hashLeaf(leaf: Uint8Array): Buffer {
  return digest(Buffer.concat([LEAF_PREFIX, leaf]));
}

/** The same for text, which need not become bytes first. */
export function hashLeafText(leaf: string): Buffer {
  return digest(`\u0000${leaf}`);
}

export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  return digest(Buffer.concat([NODE_PREFIX, left, right]));
}

export function isHash(bytes: unknown): bytes is Uint8Array {
  return bytes instanceof Uint8Array && bytes.length === HASH_BYTES;
}

export function isSameHash(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

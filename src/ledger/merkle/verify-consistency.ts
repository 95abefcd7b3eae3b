import { EMPTY_ROOT, hashNode, isHash, isSameHash } from './hash.js';
import { isTreeSize } from './tree-size.js';
import { refused, VERIFIED, type Verdict } from './verdict.js';

export interface ConsistencyClaim {
  from: number;
  to: number;
  fromRoot: Uint8Array;
  toRoot: Uint8Array;
  proof: readonly Uint8Array[];
}

/** Is the newer tree the older one with entries appended? RFC 9162, section 2.1.4.2, and every input is doubted first. */
export function verifyConsistency(claim: ConsistencyClaim): Verdict {
  const { from, to, fromRoot, toRoot, proof } = claim;
  if (!isTreeSize(from) || !isTreeSize(to)) return refused('a size is no whole number below 2^53');
  if (from > to) return refused(`a tree of size ${to} cannot continue one of size ${from}`);
  if (!isHash(fromRoot) || !isHash(toRoot) || !proof.every(isHash)) return refused('a hash has not 32 bytes');
  if (from === 0 && !isSameHash(fromRoot, EMPTY_ROOT))
    return refused('the root of the empty tree is another');
  if (from === 0 || from === to) {
    if (proof.length > 0) return refused('the proof is longer than the way to the root');
    if (from === 0 && to > 0) return VERIFIED;
    return isSameHash(fromRoot, toRoot) ? VERIFIED : refused('two trees of one size have different roots');
  }
  return verifyGrowth(claim);
}

/** 0 < from < to, and all hashes have their length. */
function verifyGrowth({ from, to, fromRoot, toRoot, proof }: ConsistencyClaim): Verdict {
  let [place, last] = [from - 1, to - 1];
  while (place % 2 === 1) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  // An old tree that is one perfect subtree begins the proof by itself.
  const hashes = place === 0 ? [fromRoot, ...proof] : proof;
  const [first, ...siblings] = hashes;
  if (first === undefined) return refused('the proof ends before the root');
  let [oldRoot, newRoot] = [first, first];
  for (const sibling of siblings) {
    if (last === 0) return refused('the proof is longer than the way to the root');
    if (place % 2 === 1 || place === last) {
      oldRoot = hashNode(sibling, oldRoot);
      newRoot = hashNode(sibling, newRoot);
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else {
      newRoot = hashNode(newRoot, sibling);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  if (last !== 0) return refused('the proof ends before the root');
  if (!isSameHash(oldRoot, fromRoot)) return refused('the proof leads to another old root');
  return isSameHash(newRoot, toRoot) ? VERIFIED : refused('the proof leads to another new root');
}

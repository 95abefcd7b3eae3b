import { hashNode, isHash, isSameHash } from './hash.js';
import { isTreeSize } from './tree-size.js';
import { refused, VERIFIED, type Verdict } from './verdict.js';

export interface InclusionClaim {
  leafHash: Uint8Array;
  sequence: number;
  treeSize: number;
  /** From the bottom up. */
  proof: readonly Uint8Array[];
  rootHash: Uint8Array;
}

/** Is this leaf at this place in the tree with this root? RFC 9162, section 2.1.3.2, and every input is doubted first. */
export function verifyInclusion(claim: InclusionClaim): Verdict {
  const { leafHash, sequence, treeSize, proof, rootHash } = claim;
  if (!isTreeSize(treeSize) || !isTreeSize(sequence))
    return refused('a size or sequence is no whole number below 2^53');
  if (sequence >= treeSize) return refused(`a tree of size ${treeSize} has no entry ${sequence}`);
  if (!isHash(leafHash) || !isHash(rootHash) || !proof.every(isHash))
    return refused('a hash has not 32 bytes');
  let place = sequence;
  let last = treeSize - 1;
  let root: Uint8Array = leafHash;
  for (const sibling of proof) {
    if (last === 0) return refused('the proof is longer than the way to the root');
    if (place % 2 === 1 || place === last) {
      root = hashNode(sibling, root);
      // A subtree at the right edge has no sibling on the levels that are passed over here.
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else {
      root = hashNode(root, sibling);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  if (last !== 0) return refused('the proof ends before the root');
  return isSameHash(root, rootHash) ? VERIFIED : refused('the proof leads to another root');
}

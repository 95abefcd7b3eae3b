import { splitOf } from './tree-size.js';

/** The leaves from `begin` up to but not including `end`; a proof is made of the roots of such ranges. */
export interface LeafRange {
  begin: number;
  end: number;
}

/** The ranges whose roots are the inclusion proof of a leaf, from the bottom up (RFC 9162, section 2.1.3.1). */
export function inclusionRanges(sequence: number, treeSize: number): LeafRange[] {
  const ranges: LeafRange[] = [];
  let [begin, end] = [0, treeSize];
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin);
    if (sequence < middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
    }
  }
  return ranges.reverse();
}

/** The ranges whose roots are the consistency proof between two sizes, 0 < from <= to (RFC 9162, section 2.1.4.1). */
export function consistencyRanges(from: number, to: number): LeafRange[] {
  const ranges: LeafRange[] = [];
  let [begin, end] = [0, to];
  // The old tree ends at `from`: walk down to the subtree that ends there, noting what lies beside the way.
  while (end !== from) {
    const middle = begin + splitOf(end - begin);
    if (from <= middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
    }
  }
  // From the very left it is the old root itself, which the verifier has already.
  if (begin > 0) ranges.push({ begin, end });
  return ranges.reverse();
}

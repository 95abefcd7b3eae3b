import { EMPTY_ROOT, hashNode } from './hash.js';

interface Peak {
  height: number;
  hash: Buffer;
}

/**
 * A tree that only grows, kept as its peaks: the roots of the perfect subtrees it consists of, highest first. That is
 * one hash per binary one of its size, and enough to go on and to say the root.
 */
export class CompactRange {
  #peaks: Peak[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * Appends the root of a perfect subtree of `2^height` leaves; height 0 is a leaf hash. Answers the roots of all perfect
   * subtrees that now end here, the given one first, each twice as large as the one before.
   */
  append(hash: Buffer, height = 0): Buffer[] {
    const last = this.#peaks.at(-1);
    if (last !== undefined && last.height < height)
      throw new RangeError(`a subtree of height ${height} cannot follow one of height ${last.height}`);
    let peak: Peak = { height, hash };
    const ending = [hash];
    for (let left = this.#peaks.at(-1); left?.height === peak.height; left = this.#peaks.at(-1)) {
      this.#peaks.pop();
      peak = { height: peak.height + 1, hash: hashNode(left.hash, peak.hash) };
      ending.push(peak.hash);
    }
    this.#peaks.push(peak);
    this.#size += 2 ** height;
    return ending;
  }

  root(): Buffer {
    const hashes = this.#peaks.map(({ hash }) => hash);
    return hashes.length === 0 ? EMPTY_ROOT : hashes.reduceRight((right, left) => hashNode(left, right));
  }

  copy(): CompactRange {
    const range = new CompactRange();
    range.#peaks = [...this.#peaks];
    range.#size = this.#size;
    return range;
  }
}

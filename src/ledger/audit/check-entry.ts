import { parseLeaf } from '../leaf.js';
import { hashLeaf } from '../merkle/hash.js';
import { Finding } from './finding.js';

/** Is this the entry of this place, chained to the one before, and that of its hash in the tile? Answers its hash. */
export function checkEntry(
  entry: Buffer,
  expected: { sequence: number; previous: string; path: string; inTile: Uint8Array },
): Buffer {
  const { sequence, previous, path, inTile } = expected;
  const text = entry.toString();
  const leaf = parseLeaf(text);
  if (leaf === null || !Buffer.from(text).equals(entry)) throw new Finding(sequence, path, 'is no entry');
  if (leaf.sequence !== sequence)
    throw new Finding(sequence, path, `stands at ${sequence} and says it is ${leaf.sequence}`);
  const hash = hashLeaf(entry);
  const isInTile = hash.equals(inTile);
  if (leaf.previous !== previous) {
    // A tile that is not full yet is made of the entries themselves, so it agrees with either of the two that was changed.
    const first = isInTile ? Math.max(0, sequence - 1) : sequence;
    throw new Finding({ first, last: sequence }, path, 'does not continue the entry before it');
  }
  if (!isInTile) throw new Finding(sequence, path, 'its hash is not the one in the tile');
  return hash;
}

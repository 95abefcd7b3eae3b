import { checkSizes, currentCheckpoint, treeOf, type LedgerDeps } from './ledger.js';

export interface InclusionProof {
  sequence: number;
  treeSize: number;
  leafHash: Buffer;
  /** From the bottom up (RFC 9162, section 2.1.3). */
  hashes: Buffer[];
}

/** Proves that an entry is in the log as it was at `treeSize`; without one, as the newest checkpoint has it. */
export async function proveInclusion(
  deps: Pick<LedgerDeps, 'database'>,
  input: { sequence: bigint; treeSize?: bigint | null },
): Promise<InclusionProof> {
  const { size } = await currentCheckpoint(deps);
  const treeSize = input.treeSize ?? BigInt(size);
  checkSizes({ treeSize: { value: treeSize, least: 1n, most: size } });
  checkSizes({ sequence: { value: input.sequence, least: 0n, most: Number(treeSize) - 1 } });
  const [sequence, wanted] = [Number(input.sequence), Number(treeSize)];
  const tree = treeOf(deps, wanted);
  const [leafHash, hashes] = await Promise.all([tree.leafHash(sequence), tree.inclusionProof(sequence)]);
  return { sequence, treeSize: wanted, leafHash, hashes };
}

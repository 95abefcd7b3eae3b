import { checkSizes, currentCheckpoint, treeOf, type LedgerDeps } from './ledger.js';

export interface ConsistencyProof {
  from: number;
  to: number;
  /** In the order of RFC 9162, section 2.1.4. */
  hashes: Buffer[];
}

/** Proves that the log at size `to` is the log at size `from` with entries appended. */
export async function proveConsistency(
  deps: Pick<LedgerDeps, 'database'>,
  input: { from: bigint; to?: bigint | null },
): Promise<ConsistencyProof> {
  const { size } = await currentCheckpoint(deps);
  const to = input.to ?? BigInt(size);
  checkSizes({ to: { value: to, least: 0n, most: size } });
  checkSizes({ from: { value: input.from, least: 0n, most: Number(to) } });
  const [from, wanted] = [Number(input.from), Number(to)];
  return { from, to: wanted, hashes: await treeOf(deps, wanted).consistencyProof(from) };
}

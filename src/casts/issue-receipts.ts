import { sign } from 'node:crypto';
import {
  canonicalJson,
  formatVerifierKey,
  openCheckpoint,
  parseVerifierKey,
  proveFacts,
  readKeys,
  type LedgerDeps,
  type NoteSigner,
  type ProvedFact,
  type PublishedKey,
  type SignedCheckpoint,
} from '../ledger/index.js';
import { AppError } from '../platform/index.js';
import { RECEIPT_FACT, receiptSchema, type Receipt, type ReceiptContent } from './receipt.js';

export type ReceiptDeps = Pick<LedgerDeps, 'database' | 'people' | 'logger'> & {
  /** The keys of this process, the preferred one first. */
  receiptSigners: readonly NoteSigner[];
};

/**
 * The receipts of these casts of one account, in their order; null for one that is not final, that has no place in the ledger
 * yet, and for all once the person's key is destroyed. A few queries, however many casts: for a DataLoader.
 */
export async function issueReceipts(
  deps: ReceiptDeps,
  accountId: string,
  castIds: readonly string[],
): Promise<(Receipt | null)[]> {
  const facts = await proveFacts(deps, { accountId, kind: RECEIPT_FACT, subjects: castIds });
  if (facts.size === 0) return castIds.map(() => null);
  const keys = await readKeys(deps.database);
  const isLive = (signer: NoteSigner): boolean =>
    keys.some((key) => key.retiredAt === null && key.verifierKey === formatVerifierKey(signer));
  const signer = deps.receiptSigners.find(isLive);
  if (signer === undefined)
    throw new AppError('UNAVAILABLE', 'no key of this process may sign for the ledger: try again later');
  const [{ checkpoint }] = [...facts.values()] as [ProvedFact];
  const needed = keysFor(checkpoint, signer, keys);
  return castIds.map((castId) => {
    const fact = facts.get(castId);
    return fact === undefined ? null : issue(fact, accountId, signer, needed);
  });
}

/** Of the keys of the log those that signed this checkpoint, and the one that signs the receipts. */
function keysFor(
  { note, origin }: SignedCheckpoint,
  signer: NoteSigner,
  keys: readonly PublishedKey[],
): string[] {
  return keys
    .map((key) => parseVerifierKey(key.verifierKey))
    .filter((key) => key.keyId.equals(signer.keyId) || openCheckpoint(note, origin, [key]).ok)
    .map(formatVerifierKey);
}

function issue(fact: ProvedFact, accountId: string, signer: NoteSigner, keys: string[]): Receipt {
  const { checkpoint, opened, sequence, leafText, hashes } = fact;
  const unsigned: Omit<Receipt, 'signature'> = {
    version: 1,
    content: opened.content as ReceiptContent,
    ledger: {
      origin: checkpoint.origin,
      sequence,
      leaf: leafText,
      opening: { salt: opened.salt.toString('base64'), accountId, subject: opened.subject },
      inclusionProof: { treeSize: checkpoint.size, hashes: hashes.map((hash) => hash.toString('base64')) },
      checkpoint: checkpoint.note,
    },
    keys,
  };
  const value = sign(null, Buffer.from(canonicalJson(unsigned)), signer.privateKey);
  const signature = { keyId: signer.keyId.toString('hex'), value: value.toString('base64') };
  receiptSchema.parse({ ...unsigned, signature });
  // In canonical order, so that what is written from it is canonical too.
  return JSON.parse(canonicalJson({ ...unsigned, signature })) as Receipt;
}

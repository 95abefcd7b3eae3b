import { sign } from 'node:crypto';
import type { Receipt } from '../../src/casts/index.js';
import {
  canonicalJson,
  commitTo,
  hashLeaf,
  parseLeaf,
  type Leaf,
  type NoteSigner,
} from '../../src/ledger/index.js';
import { writeCheckpoint } from '../../src/ledger/note/checkpoint.js';

/** The receipt as somebody would sign it who has the key. */
export function signAgain(receipt: Receipt, signer: NoteSigner): Receipt {
  const unsigned: Partial<Receipt> = { ...receipt };
  delete unsigned.signature;
  const value = sign(null, Buffer.from(canonicalJson(unsigned)), signer.privateKey).toString('base64');
  return { ...receipt, signature: { keyId: signer.keyId.toString('hex'), value } };
}

/** The receipt in a log of its own with one entry, by somebody who has the signing key. */
export function logAnew(receipt: Receipt, changes: Partial<Leaf>, signer: NoteSigner): Receipt {
  const { content, ledger } = receipt;
  const { salt, accountId, subject } = ledger.opening;
  const commitment = commitTo(Buffer.from(salt, 'base64'), canonicalJson({ accountId, subject, content }));
  const leaf = canonicalJson({ ...parseLeaf(ledger.leaf), sequence: 0, commitment, ...changes });
  const checkpoint = writeCheckpoint({ origin: ledger.origin, size: 1, root: hashLeaf(Buffer.from(leaf)) }, [
    signer,
  ]);
  const inclusionProof = { treeSize: 1, hashes: [] };
  return { ...receipt, ledger: { ...ledger, sequence: 0, leaf, inclusionProof, checkpoint } };
}

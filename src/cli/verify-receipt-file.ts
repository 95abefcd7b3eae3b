import { readFile } from 'node:fs/promises';
import {
  keysIn,
  verifyReceipt,
  verifyReceiptBytes,
  type Receipt,
  type ReceiptCheck,
} from '../casts/offline.js';
import { readReceipt } from './receipt-file.js';
import { findTrustedKeys } from './trusted-keys.js';

export interface Verification {
  /** Every check holds, by keys that were pinned or that the caller takes as they come. */
  verified: boolean;
  /** Were the keys believed for a reason outside of the receipt? */
  pinned: boolean;
  checks: ReceiptCheck[];
}

/** What was given beside the receipt. */
interface Files {
  key?: string[] | undefined;
  unpinned?: boolean | undefined;
  input?: string | undefined;
  output?: string | undefined;
  package?: string | undefined;
}

/** Every check of a receipt and of the files that belong to it. */
export async function verifyReceiptFile(path: string, files: Files): Promise<Verification> {
  const trusted = await findTrustedKeys(files.key ?? []);
  const parsed = await readReceipt(path);
  const pinned = trusted !== null;
  if (!parsed.ok)
    return { verified: false, pinned, checks: [{ name: 'schema', ok: false, detail: parsed.reason }] };
  const { receipt } = parsed;
  const checks: ReceiptCheck[] = [
    { name: 'schema', ok: true, detail: `version ${receipt.version}, of cast ${receipt.content.castId}` },
  ];
  const keys = trusted ?? ownKeys(receipt);
  checks.push({ name: 'keys', ok: keys.keys.length > 0, detail: keys.from });
  checks.push(...verifyReceipt(receipt, keys.keys), ...(await verifyFiles(receipt, files)));
  const isBelieved = pinned || files.unpinned === true;
  return { verified: isBelieved && checks.every(({ ok }) => ok), pinned, checks };
}

function ownKeys(receipt: Receipt) {
  try {
    return { from: 'from the receipt itself', keys: keysIn(receipt) };
  } catch (error) {
    return { from: (error as Error).message, keys: [] };
  }
}

async function verifyFiles({ content }: Receipt, files: Files): Promise<ReceiptCheck[]> {
  const checks: ReceiptCheck[] = [];
  for (const name of ['input', 'output'] as const) {
    const path = files[name];
    if (path !== undefined) checks.push(verifyReceiptBytes(name, content[name], await readFile(path)));
  }
  if (files.package === undefined) return checks;
  // Loaded when there is a package: reading one takes libraries that all else here does without.
  const { verifyReceiptPackage } = await import('../casts/index.js');
  checks.push(await verifyReceiptPackage(content, await readFile(files.package)));
  return checks;
}

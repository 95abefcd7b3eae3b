import { setTimeout as delay } from 'node:timers/promises';
import { parseReceipt, verifyReceipt, type Receipt, type ReceiptCheck } from '../../src/casts/offline.js';
import { noteSigner, type NoteSigner, type NoteVerifier } from '../../src/ledger/index.js';
import type { ApiClient } from '../support/client.js';
import type { Harness } from '../support/harness.js';

const SEQUENCED_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 20;

/** The receipt file of a cast that has ended, as soon as it stands in the ledger. */
export async function receiptFile(client: ApiClient, castId: string): Promise<Buffer> {
  const deadlineMs = performance.now() + SEQUENCED_WITHIN_MS;
  for (;;) {
    const response = await client.fetch(`/v1/casts/${castId}/receipt`);
    if (response.ok) return Buffer.from(await response.arrayBuffer());
    if (response.status !== 404 || performance.now() > deadlineMs) throw new Error(await response.text());
    await delay(LOOK_EVERY_MS);
  }
}

export async function receiptOf(client: ApiClient, castId: string): Promise<Receipt> {
  return read(await receiptFile(client, castId));
}

export function read(file: Uint8Array): Receipt {
  const parsed = parseReceipt(file);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.receipt;
}

/** The keys of the platform under test, as somebody has them who got them from elsewhere. */
export function trustedKeys({ config }: Pick<Harness, 'config'>): NoteSigner[] {
  return config.ledgerSigningKeys.map((seed) => noteSigner(config.ledgerOrigin, seed));
}

/** The first thing that is wrong with a receipt file; null when it holds. */
export function findFault(file: Uint8Array, trusted: readonly NoteVerifier[]): ReceiptCheck | null {
  const parsed = parseReceipt(file);
  if (!parsed.ok) return { name: 'schema', ok: false, detail: parsed.reason };
  for (const check of verifyReceipt(parsed.receipt, trusted)) if (!check.ok) return check;
  return null;
}

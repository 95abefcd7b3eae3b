import { sha256 } from '../platform/offline.js';
import type { ReceiptCheck } from './verify-receipt.js';

/** Are these the bytes of which a receipt has the digest? */
export function verifyReceiptBytes(
  name: 'input' | 'output',
  claimed: { digest: string; bytes: number } | null,
  bytes: Uint8Array,
): ReceiptCheck {
  if (claimed === null) return { name, ok: false, detail: `the receipt is of a cast without ${name}` };
  const digest = sha256(bytes);
  const ok = digest === claimed.digest && bytes.length === claimed.bytes;
  return {
    name,
    ok,
    detail: ok
      ? `${bytes.length} bytes, ${digest}`
      : `${digest} was given, ${claimed.digest} was ${PAST[name]}`,
  };
}

const PAST = { input: 'read', output: 'written' } as const;

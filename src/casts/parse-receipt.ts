import { z } from 'zod';
import { receiptSchema, type Receipt } from './receipt.js';

// An ordinary receipt has about 5 KB; a proof in the largest log there can be adds less than 4.
const RECEIPT_BYTES_MAX = 256 * 1024;

export type ParsedReceipt = { ok: true; receipt: Receipt } | { ok: false; reason: string };

/**
 * A receipt from a file. Spaces, the order of members and escapes are as any JSON tool leaves them and mean nothing; what
 * two readers could read differently is refused: a member that is there twice, and a number not written in its one way.
 */
export function parseReceipt(bytes: Uint8Array): ParsedReceipt {
  if (bytes.length > RECEIPT_BYTES_MAX) return refused(`it has more than ${RECEIPT_BYTES_MAX} bytes`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    const parsed = receiptSchema.safeParse(value);
    if (!parsed.success) return refused(z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' '));
    if (!isWellFormed(value)) return refused('a string has half a surrogate pair');
    if (!isWrittenOnce(text, value))
      return refused('a member is there twice, or a number is not written as 0, 1, 2, …');
    return { ok: true, receipt: value as Receipt };
  } catch (error) {
    return refused(`it is no JSON in UTF-8: ${(error as Error).message}`);
  }
}

function refused(reason: string): ParsedReceipt {
  return { ok: false, reason };
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s"[\]{}:,]+/g;
const WORD = /^(?:0|[1-9][0-9]*|true|false|null)$/;

/** JSON.parse keeps the last of two members of one name: then what it read has fewer tokens than the text. */
function isWrittenOnce(text: string, value: unknown): boolean {
  const tokens = text.match(TOKEN) ?? [];
  const again = JSON.stringify(value).match(TOKEN) ?? [];
  return (
    tokens.length === again.length && tokens.every((token) => /^["[\]{}:,]/.test(token) || WORD.test(token))
  );
}

/** What has no UTF-8 form cannot have been signed. The schema has bounded the depth. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  return typeof value !== 'object' || value === null || Object.values(value).every(isWellFormed);
}

import { readFile } from 'node:fs/promises';
import { parseReceipt, type ParsedReceipt, type ReceiptCheck } from '../casts/offline.js';

export async function readReceipt(path: string): Promise<ParsedReceipt> {
  return parseReceipt(await readFile(path));
}

/** One line for each check, aligned. */
export function printChecks(checks: readonly ReceiptCheck[]): void {
  for (const { name, ok, detail } of checks)
    process.stdout.write(`${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(10)}  ${detail}\n`);
}

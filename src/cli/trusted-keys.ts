import { readFile } from 'node:fs/promises';
import { parseVerifierKey, type NoteVerifier } from '../ledger/offline.js';
import { UsageError } from './usage-error.js';

/** What `make up` leaves for this machine's own receipts. */
export const LOCAL_KEYS = '.spell/ledger.vkey';

/** What was checked agrees with itself, and nobody who is believed has vouched for it. */
export const NOT_PINNED_EXIT = 4;

/** Keys from elsewhere than a receipt, and where that is; null when there are none. */
export async function findTrustedKeys(
  given: readonly string[],
): Promise<{ from: string; keys: NoteVerifier[] } | null> {
  if (given.length > 0) return { from: '--key', keys: await readTrustedKeys(given) };
  const text = await readFile(LOCAL_KEYS, 'utf8').catch(() => null);
  return text === null ? null : { from: LOCAL_KEYS, keys: parseKeys(text, LOCAL_KEYS) };
}

/** The keys of an option that takes a key or a file of keys. */
export async function readTrustedKeys(given: readonly string[]): Promise<NoteVerifier[]> {
  return (await Promise.all(given.map(readKeys))).flat();
}

// No file has such a name by accident.
const VERIFIER_KEY = /^[^+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$/;

/** A key as it is written, or a file with one a line. */
export async function readKeys(keyOrFile: string): Promise<NoteVerifier[]> {
  return VERIFIER_KEY.test(keyOrFile)
    ? parseKeys(keyOrFile, '--key')
    : parseKeys(await readFile(keyOrFile, 'utf8'), keyOrFile);
}

/** One key a line. */
function parseKeys(text: string, where: string): NoteVerifier[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new UsageError(`${where}: there is no key in it`);
  try {
    return lines.map(parseVerifierKey);
  } catch (error) {
    throw new UsageError(`${where}: ${(error as Error).message}`);
  }
}

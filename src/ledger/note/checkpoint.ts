import { HASH_BYTES } from '../merkle/hash.js';
import { isTreeSize } from '../merkle/tree-size.js';
import type { NoteSigner, NoteVerifier } from './note-key.js';
import { parseNote, signNote, verifyNote } from './signed-note.js';

/** C2SP tlog-checkpoint: the state of a log in three lines, signed. */
export interface Checkpoint {
  origin: string;
  size: number;
  root: Buffer;
}

export function writeCheckpoint({ origin, size, root }: Checkpoint, signers: readonly NoteSigner[]): string {
  return signNote(`${origin}\n${size}\n${root.toString('base64')}\n`, signers);
}

/** The three lines; null when the text is no checkpoint. Says nothing of who signed it. */
export function parseCheckpointText(text: string): Checkpoint | null {
  const [origin = '', size = '', root = '', ...rest] = text.split('\n');
  const hash = Buffer.from(root, 'base64');
  if (origin === '' || !/^(0|[1-9]\d{0,15})$/.test(size) || !isTreeSize(Number(size))) return null;
  if (hash.length !== HASH_BYTES || hash.toString('base64') !== root) return null;
  // Extension lines may follow and are none of our business; empty ones may not. The last part is after the newline.
  if (rest.pop() !== '' || rest.includes('')) return null;
  return { origin, size: Number(size), root: hash };
}

export type OpenedCheckpoint = { ok: true; checkpoint: Checkpoint } | { ok: false; reason: string };

/** Reads a checkpoint and believes it only when a trusted key of this origin has signed it. */
export function openCheckpoint(
  note: string,
  origin: string,
  trusted: readonly NoteVerifier[],
): OpenedCheckpoint {
  const parsed = parseNote(note);
  if (parsed === null) return { ok: false, reason: 'this is no signed note' };
  const verdict = verifyNote(parsed, trusted);
  if (!verdict.ok) return verdict;
  const checkpoint = parseCheckpointText(parsed.text);
  if (checkpoint === null) return { ok: false, reason: 'the signed text is no checkpoint' };
  if (checkpoint.origin !== origin)
    return { ok: false, reason: `it is of the log ${checkpoint.origin}, not of ${origin}` };
  return { ok: true, checkpoint };
}

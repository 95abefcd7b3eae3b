import { openCheckpoint, parseCheckpointText, type Checkpoint } from '../note/checkpoint.js';
import { parseNote } from '../note/signed-note.js';
import { keysFor, type AuditKey } from './audit-keys.js';
import type { FileSource } from './file-source.js';
import { Finding } from './finding.js';

export async function readNeeded(source: FileSource, path: string): Promise<Buffer> {
  const bytes = await source.read(path);
  if (bytes === null) throw new Finding(null, path, 'is missing');
  return bytes;
}

/** What an auditor believes of a checkpoint. */
export interface Belief {
  keys: readonly AuditKey[];
  /** The name the log must have; null for whatever name its checkpoint has. */
  origin: string | null;
}

/**
 * A checkpoint that a believed key has signed. Its size is believed before its signature only for choosing the keys: one
 * that was retired signs nothing later.
 */
export function believeCheckpoint(bytes: Buffer, path: string, { keys, origin }: Belief): Checkpoint {
  const note = bytes.toString();
  if (!Buffer.from(note).equals(bytes)) throw new Finding(null, path, 'is not UTF-8');
  const claimed = parseCheckpointText(parseNote(note)?.text ?? '');
  if (claimed === null) throw new Finding(null, path, 'is no checkpoint');
  const opened = openCheckpoint(note, origin ?? claimed.origin, keysFor(keys, claimed.size));
  if (!opened.ok) throw new Finding(null, path, opened.reason);
  return opened.checkpoint;
}

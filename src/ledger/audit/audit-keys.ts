import { z } from 'zod';
import { parseVerifierKey, type NoteVerifier } from '../note/note-key.js';

/** A key with the sizes whose checkpoints it may have signed. */
export interface AuditKey {
  verifier: NoteVerifier;
  retiredSize: number | null;
}

const keysSchema = z.object({
  keys: z
    .array(z.object({ verifier_key: z.string(), retired_size: z.number().int().nonnegative().nullable() }))
    .min(1)
    .max(1_000),
});

/** Reads the file `keys` of a log; throws what is wrong with it. */
export function parseKeysFile(bytes: Buffer): AuditKey[] {
  const { keys } = keysSchema.parse(JSON.parse(bytes.toString()));
  return keys.map((key) => ({ verifier: parseVerifierKey(key.verifier_key), retiredSize: key.retired_size }));
}

export function keysFor(keys: readonly AuditKey[], size: number): NoteVerifier[] {
  return keys.filter((key) => key.retiredSize === null || size <= key.retiredSize).map((key) => key.verifier);
}

import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { parseVerifierKey, type NoteVerifier } from '../note/note-key.js';
import { Finding } from './finding.js';

/** A key with the sizes whose checkpoints it may have signed. */
export interface AuditKey {
  verifier: NoteVerifier;
  retiredSize: number | null;
}

const size = z.number().int().nonnegative();
const keysSchema = z.object({
  keys: z
    .array(
      z.looseObject({
        verifier_key: z.string(),
        added_size: size.optional(),
        retired_at: z.string().nullable().optional(),
        retired_size: size.nullable(),
      }),
    )
    .min(1)
    .max(1_000),
});

function parse(bytes: Buffer) {
  try {
    return keysSchema
      .parse(JSON.parse(bytes.toString()))
      .keys.map((key) => ({ ...key, verifier: parseVerifierKey(key.verifier_key) }));
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('\n', 1);
    throw new Finding(null, 'keys', `is no list of keys: ${reason}`);
  }
}

/** Reads the file `keys` of a log. */
export function readKeysFile(bytes: Buffer): AuditKey[] {
  return parse(bytes).map((key) => ({ verifier: key.verifier, retiredSize: key.retired_size }));
}

export function keysFor(keys: readonly AuditKey[], treeSize: number): NoteVerifier[] {
  return keys
    .filter((key) => key.retiredSize === null || treeSize <= key.retiredSize)
    .map((key) => key.verifier);
}

/**
 * A list of keys only grows: each key that was in it at `keptSize` is there as it was, except that it may have been retired
 * since, and a new one signs nothing that had been signed before it.
 */
export function compareKeysFiles(kept: Buffer, served: Buffer, keptSize: number): void {
  const [before, now] = [parse(kept), parse(served)];
  for (const { verifier, retired_at, retired_size, ...key } of before) {
    const found = now.find(({ verifier_key }) => verifier_key === key.verifier_key);
    if (found === undefined) throw new Finding(null, 'keys', `${key.verifier_key} was in it and is gone`);
    const { verifier: _, retired_at: retiredAt, retired_size: retiredSize, ...same } = found;
    const isRetirementKept =
      retired_size === null || isDeepStrictEqual([retired_at, retired_size], [retiredAt, retiredSize]);
    const isRetiredLater = retired_size !== null || retiredSize === null || retiredSize >= keptSize;
    if (!isDeepStrictEqual(key, same) || !isRetirementKept || !isRetiredLater)
      throw new Finding(null, 'keys', `what it says of ${verifier.name} was changed`);
  }
  for (const { verifier_key: added, added_size: addedSize } of now)
    if (!before.some((key) => key.verifier_key === added) && (addedSize ?? 0) < keptSize)
      throw new Finding(null, 'keys', `${added} was added for sizes that had been signed without it`);
}

import { createHash } from 'node:crypto';

/** As everywhere in the platform; provenance has the same, but is slow to load. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

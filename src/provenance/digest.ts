import { createHash } from 'node:crypto';

/** The digest under which a package, a module or any other bytes are known everywhere: `sha256:<hex>`. */
export function sha256Digest(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

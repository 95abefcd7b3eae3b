import { hash } from 'node:crypto';

/** `sha256:<hex>`, the one way a digest is written in this system (the OCI form). */
export type Digest = `sha256:${string}`;

const DIGEST_FORM = /^sha256:[0-9a-f]{64}$/;

export function sha256(bytes: Uint8Array | string): Digest {
  return `sha256:${hash('sha256', bytes, 'hex')}`;
}

export function isDigest(text: string): text is Digest {
  return DIGEST_FORM.test(text);
}

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  type KeyObject,
} from 'node:crypto';
import { takeRandom } from '../platform/offline.js';
import { digest } from './merkle/hash.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SALT_BYTES = 32;

/**
 * The two uses of a person's key, each with a key of its own. Keys are objects where Node lets them be: it makes one of bytes
 * each time, which takes longer than sealing an entry.
 */
export interface PersonKey {
  seal: KeyObject;
  lookup: Buffer;
}

export function toPersonKey(dataKey: Buffer): PersonKey {
  const secret = createSecretKey(dataKey);
  const derive = (use: string) => createHmac('sha256', secret).update(use).digest();
  return { seal: createSecretKey(derive('spell ledger: seal')), lookup: derive('spell ledger: lookup') };
}

/** How an entry is found again by what it is about, without the subject standing anywhere in the clear. */
export function hashSubject(key: PersonKey, kind: string, subject: string): Buffer {
  // A key of fixed length before the text: as good as an HMAC where the hash itself is never shown, and a third of its time.
  return digest(Buffer.concat([key.lookup, Buffer.from(`${kind}\n${subject}`)]));
}

/** SHA-256(salt || content): says nothing of the content to whoever lacks the salt, however few contents there could be. */
export function commitTo(salt: Uint8Array, content: string): string {
  return hash('sha256', Buffer.concat([salt, Buffer.from(content)]), 'hex');
}

export interface Commitment {
  /** In hex, as it stands in the leaf. */
  commitment: string;
  /** salt || content: what it commits to, and what is sealed. */
  opening: Buffer;
}

/** Commits to a content, under a salt of its own. */
export function commit(content: string): Commitment {
  const opening = Buffer.concat([takeRandom(SALT_BYTES), Buffer.from(content)]);
  return { commitment: hash('sha256', opening, 'hex'), opening };
}

/** nonce || ciphertext of (salt || content) || tag. Bound to its leaf: it opens beside no other. */
export function sealEntry(key: PersonKey, leafHash: Buffer, { opening }: Commitment): Buffer {
  return encrypt(key.seal, opening, leafHash);
}

/** The salt and the content again; null when this is not what was sealed under this key for this leaf. */
export function openEntry(
  key: PersonKey,
  leafHash: Buffer,
  sealed: Buffer,
): { salt: Buffer; content: string } | null {
  const plain = decrypt(key.seal, sealed, leafHash);
  if (plain === null || plain.length < SALT_BYTES) return null;
  return { salt: plain.subarray(0, SALT_BYTES), content: plain.subarray(SALT_BYTES).toString() };
}

/** nonce || ciphertext || tag. */
export function encrypt(key: KeyObject, plain: Uint8Array, bound: Uint8Array): Buffer {
  const nonce = takeRandom(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce);
  cipher.setAAD(bound);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

export function decrypt(key: KeyObject, sealed: Buffer, bound: Uint8Array): Buffer | null {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(bound);
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return null; // The tag does not fit: another key, another place, or changed bytes.
  }
}

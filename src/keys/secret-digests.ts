import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;

/**
 * Keyed digests of the secrets of API keys (HMAC-SHA-256). A secret that does not match its digest is wrong, and to know
 * that costs nothing; without this, each guess at a real prefix would cost an Argon2 computation, which tells the prefix
 * by its time and can be asked for without end. The key is derived (HKDF, RFC 5869) from the platform's, so the table
 * alone is of no more use than before.
 */
export class SecretDigests {
  readonly #key: Buffer;
  readonly #keyId: Buffer;

  constructor(platformKey: Buffer) {
    this.#key = Buffer.from(hkdfSync('sha256', platformKey, '', 'spell api key digests', KEY_BYTES));
    this.#keyId = this.#hmac('id of this key').subarray(0, KEY_ID_BYTES);
  }

  /** The id of the key that it was made with, then the digest. */
  of(secret: string): Buffer {
    return Buffer.concat([this.#keyId, this.#hmac(`secret ${secret}`)]);
  }

  /** `unknown` when there is no digest, or one that was made with another platform key: then only Argon2 can tell. */
  compare(secret: string, stored: Buffer | null): 'right' | 'wrong' | 'unknown' {
    const expected = this.of(secret);
    if (stored?.length !== expected.length) return 'unknown';
    if (!stored.subarray(0, KEY_ID_BYTES).equals(this.#keyId)) return 'unknown';
    return timingSafeEqual(stored, expected) ? 'right' : 'wrong';
  }

  #hmac(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}

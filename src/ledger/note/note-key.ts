import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { digest } from '../merkle/hash.js';

/** The byte that says "Ed25519" in a note's keys (C2SP signed-note). */
const ED25519 = 0x01;
const PUBLIC_KEY_BYTES = 32;
// What stands before the 32 bytes of an Ed25519 key in its DER form (RFC 8410): Node takes keys in no shorter one.
const PRIVATE_DER_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_DER_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** A key that signs for a name; the name and the four bytes of its id say which key a signature is of. */
export interface NoteVerifier {
  name: string;
  keyId: Buffer;
  publicKey: Buffer;
  key: KeyObject;
}

export interface NoteSigner extends NoteVerifier {
  privateKey: KeyObject;
}

/** Names go into lines whose parts are parted by spaces, and into verifier keys whose parts are parted by plus signs. */
export function isKeyName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return name.length > 0 && name.length <= 200 && !/[\s+\p{Cc}]/u.test(name);
}

export function noteSigner(name: string, seed: Buffer): NoteSigner {
  const der = Buffer.concat([PRIVATE_DER_PREFIX, seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey)
    .export({ format: 'der', type: 'spki' })
    .subarray(PUBLIC_DER_PREFIX.length);
  return { ...noteVerifier(name, publicKey), privateKey };
}

export function noteVerifier(name: string, publicKey: Buffer): NoteVerifier {
  if (!isKeyName(name)) throw new TypeError('a key name is not empty and has neither spaces nor plus signs');
  if (publicKey.length !== PUBLIC_KEY_BYTES)
    throw new TypeError(`a public key has ${PUBLIC_KEY_BYTES} bytes`);
  const der = Buffer.concat([PUBLIC_DER_PREFIX, publicKey]);
  const keyId = digest(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), publicKey])).subarray(
    0,
    4,
  );
  return { name, keyId, publicKey, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}

/** `<name>+<id in hex>+<base64 of 0x01 and the key>`: how verifiers' keys are written in this ecosystem. */
export function formatVerifierKey({
  name,
  keyId,
  publicKey,
}: Pick<NoteVerifier, 'name' | 'keyId' | 'publicKey'>): string {
  return `${name}+${keyId.toString('hex')}+${Buffer.concat([Buffer.of(ED25519), publicKey]).toString('base64')}`;
}

/** Throws a TypeError that says what is wrong with a key given by hand or found in a file. */
export function parseVerifierKey(text: string): NoteVerifier {
  const [, name = '', id, encoded = ''] =
    /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text.trim()) ?? [];
  if (id === undefined) throw new TypeError('a verifier key is <name>+<8 hex digits>+<base64>');
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes[0] !== ED25519 || bytes.toString('base64') !== encoded)
    throw new TypeError('this is no Ed25519 verifier key');
  const verifier = noteVerifier(name, bytes.subarray(1));
  if (verifier.keyId.toString('hex') !== id)
    throw new TypeError(`the key of ${name} does not have the id ${id}`);
  return verifier;
}

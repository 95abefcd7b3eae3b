import { sign, verify } from 'node:crypto';
import { refused, type Verdict } from '../merkle/verdict.js';
import { isKeyName, type NoteSigner, type NoteVerifier } from './note-key.js';

/** C2SP signed-note. A log signs with one key, or two during a rotation; witnesses may add theirs. */
const SIGNATURES_MAX = 16;
// Far above a checkpoint of ours with all its signatures; bounds what a stranger's file can make a verifier do.
const NOTE_BYTES_MAX = 256 * 1024;
const SIGNATURE_BYTES = 64;
const KEY_ID_BYTES = 4;

export interface NoteSignature {
  name: string;
  keyId: Buffer;
  signature: Buffer;
}

export interface SignedNote {
  /** What was signed, its last newline included. */
  text: string;
  signatures: NoteSignature[];
}

export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!text.endsWith('\n')) throw new TypeError('the text of a note ends with a newline');
  const lines = signers.map(({ name, keyId, privateKey }) => {
    const signature = sign(null, Buffer.from(text), privateKey);
    return `— ${name} ${Buffer.concat([keyId, signature]).toString('base64')}\n`;
  });
  return `${text}\n${lines.join('')}`;
}

/** The parts of a note; null when it is none. There is one way to write a note, and no other is read. */
export function parseNote(note: string): SignedNote | null {
  // Only newlines part lines, and whatever looks like nothing must not be able to hide something.
  // oxlint-disable-next-line no-control-regex
  if (note.length > NOTE_BYTES_MAX || !note.isWellFormed() || /[\u0000-\u0009\u000b-\u001f]/.test(note))
    return null;
  const parting = note.lastIndexOf('\n\n');
  if (parting < 0 || !note.endsWith('\n')) return null;
  const lines = note.slice(parting + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) return null;
  const signatures = lines.map(parseSignature);
  if (!signatures.every((signature) => signature !== null)) return null;
  return { text: note.slice(0, parting + 1), signatures };
}

function parseSignature(line: string): NoteSignature | null {
  const [, name, encoded] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
  if (name === undefined || encoded === undefined || !isKeyName(name)) return null;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length <= KEY_ID_BYTES || bytes.toString('base64') !== encoded) return null;
  return { name, keyId: bytes.subarray(0, KEY_ID_BYTES), signature: bytes.subarray(KEY_ID_BYTES) };
}

/**
 * Holds when at least one key that is trusted has signed. A signature that claims to be of a trusted key and is not
 * refuses the whole note; signatures of unknown keys say nothing.
 */
export function verifyNote(note: SignedNote, trusted: readonly NoteVerifier[]): Verdict {
  const text = Buffer.from(note.text);
  let valid = 0;
  for (const { name, keyId, signature } of note.signatures) {
    const verifier = trusted.find((known) => known.name === name && known.keyId.equals(keyId));
    if (verifier === undefined) continue;
    if (signature.length !== SIGNATURE_BYTES || !verify(null, text, verifier.key, signature))
      return refused(`the signature of ${name} (${keyId.toString('hex')}) is not valid`);
    valid += 1;
  }
  return valid > 0 ? { ok: true } : refused('no key that is trusted has signed');
}

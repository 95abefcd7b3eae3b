import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * An API key is `spell_<10>_<28><6>`: a public prefix, a secret, a checksum, all in base 62.
 * 28 characters carry 166 random bits. The checksum (CRC-32 of all before it) turns a mistyped or
 * truncated key away without a query; it is no secret and proves nothing.
 */
export interface ParsedKey {
  prefix: string;
  secret: string;
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PREFIX_CHARACTERS = 10;
const SECRET_CHARACTERS = 28;
const CHECKSUM_CHARACTERS = 6;
const KEY_FORM = /^(spell_[0-9A-Za-z]{10})_([0-9A-Za-z]{28})([0-9A-Za-z]{6})$/;

export function generateKey(): ParsedKey & { key: string } {
  const prefix = `spell_${randomText(PREFIX_CHARACTERS)}`;
  const secret = randomText(SECRET_CHARACTERS);
  return { prefix, secret, key: `${prefix}_${secret}${checksum(prefix, secret)}` };
}

/** Null for anything that cannot be a key we have issued. */
export function parseKey(text: string): ParsedKey | null {
  const [, prefix, secret, sum] = KEY_FORM.exec(text) ?? [];
  if (prefix === undefined || secret === undefined || sum !== checksum(prefix, secret)) return null;
  return { prefix, secret };
}

function randomText(length: number): string {
  return Array.from({ length }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}

function checksum(prefix: string, secret: string): string {
  let rest = crc32(`${prefix}_${secret}`);
  let text = '';
  for (let i = 0; i < CHECKSUM_CHARACTERS; i++) {
    text += ALPHABET.charAt(rest % ALPHABET.length);
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}

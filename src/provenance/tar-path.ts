import { MAX_PATH_BYTES } from './limits.js';

/** Control characters, and the two halves of a broken UTF-16 pair, hide or change what a reader sees. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/u;

/** Why a path may not stand in a package, or null. Every rule closes a way out of the folder it is unpacked to. */
export function pathFault(path: string): string | null {
  if (path === '') return 'the path is empty';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `the path is longer than ${MAX_PATH_BYTES} bytes`;
  if (CONTROL.test(path)) return 'the path contains a control character';
  if (path.includes('\\')) return 'the path contains a backslash';
  if (path.startsWith('/')) return 'the path is absolute';
  if (!path.isWellFormed() || path.includes('\ufffd')) return 'the path is not valid UTF-8';
  // Two spellings of one name would be two entries here and one file on some systems.
  if (path !== path.normalize('NFC')) return 'the path is not in Unicode NFC form';
  return segmentFault(path.split('/'));
}

function segmentFault(segments: readonly string[]): string | null {
  if (segments.includes('')) return 'the path has an empty segment';
  if (segments.includes('.') || segments.includes('..')) return 'the path has a "." or ".." segment';
  return null;
}

/** The order of a canonical tar. JavaScript's own comparison goes by UTF-16 and differs beyond U+FFFF. */
export function compareUtf8(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

import type { PackageProblem } from './package-problem.js';
import type { TarEntry } from './read-tar.js';
import {
  paddingOf,
  TAR_BLOCK_BYTES,
  TAR_DIRECTORY,
  TAR_END_BYTES,
  TAR_FILE,
  tarHeader,
} from './write-package.js';

/** The number fields of a header, as [name, offset, length], and the fields between them. */
const NUMBER_FIELDS = [
  ['mode', 100, 8],
  ['uid', 108, 8],
  ['gid', 116, 8],
  ['size', 124, 12],
  ['mtime', 136, 12],
  ['checksum', 148, 8],
  ['device major', 329, 8],
  ['device minor', 337, 8],
] as const;

const TEXT_FIELDS = [
  ['name', 0, 100],
  ['type', 156, 1],
  ['link name', 157, 100],
  ['ustar magic', 257, 8],
  ['uname', 265, 32],
  ['gname', 297, 32],
  ['name prefix', 345, 155],
  ['header padding', 500, 12],
] as const;

/** GNU tar and Python fill the archive with zeros to a record of this size. */
const TAR_RECORD_BYTES = 10_240;

/** Mode and checksum go together: 0755 instead of 0644 changes both, and `readTar` has judged their values. */
const JUDGED_FIELDS: readonly string[] = ['mode', 'checksum'];

const NUMBER = /^ *[0-7]*[ \0]*$/;

/**
 * Proves that an archive holds nothing beside its entries: each header is written again and compared field by
 * field, so no byte can hide behind a name, in padding or after the end. Tar leaves open how a number ends
 * (space or NUL) and how far the end is padded; those spellings are let through because every common tar
 * program has its own, and `sameBytes` then says false.
 */
export function checkCanonicalForm(
  tar: Buffer,
  entries: readonly TarEntry[],
): { problems: PackageProblem[]; sameBytes: boolean } {
  let sameBytes = true;
  let offset = 0;
  for (const { header, bytes } of entries) {
    const found = tar.subarray(offset, offset + TAR_BLOCK_BYTES);
    const type = header.type === 'directory' ? TAR_DIRECTORY : TAR_FILE;
    const wanted = tarHeader(header.name, bytes.byteLength, type);
    const end = offset + TAR_BLOCK_BYTES + bytes.byteLength;
    const next = end + paddingOf(bytes.byteLength);
    const faults = headerFaults(found, wanted);
    if (!isZero(tar.subarray(end, next))) faults.push('the padding after the entry is not zero');
    // Behind a header that should not be there every later one seems wrong too, so the first is enough.
    if (faults.length > 0) return { problems: atPath(header.name, faults), sameBytes: false };
    sameBytes &&= found.equals(wanted);
    offset = next;
  }
  sameBytes &&= tar.byteLength === offset + TAR_END_BYTES;
  return { problems: atPath('package', endFaults(tar, offset)), sameBytes };
}

function atPath(path: string, reasons: readonly string[]): PackageProblem[] {
  return reasons.map((reason) => ({ path, reason }));
}

function headerFaults(found: Buffer, wanted: Buffer): string[] {
  const numbers = NUMBER_FIELDS.filter(([name, offset, length]) => {
    const text = found.toString('latin1', offset, offset + length);
    if (!NUMBER.test(text)) return true;
    return (
      !JUDGED_FIELDS.includes(name) &&
      digits(text) !== digits(wanted.toString('latin1', offset, offset + length))
    );
  });
  const texts = TEXT_FIELDS.filter(
    ([, offset, length]) => found.compare(wanted, offset, offset + length, offset, offset + length) !== 0,
  );
  return [...numbers, ...texts].map(([name]) => `the ${name} field of the tar header is not canonical`);
}

/** A number field without the zeros before its value and the terminators after it. */
function digits(field: string): string {
  return field.replace(/[ \0]+$/, '').replace(/^[ 0]+/, '');
}

function endFaults(tar: Buffer, end: number): string[] {
  const rest = tar.subarray(end);
  if (rest.byteLength < TAR_END_BYTES) return ['the archive does not end with two zero blocks'];
  if (!isZero(rest)) return ['there are bytes after the end of the archive'];
  const padded = Math.ceil((end + TAR_END_BYTES) / TAR_RECORD_BYTES) * TAR_RECORD_BYTES;
  if (rest.byteLength === TAR_END_BYTES || tar.byteLength === padded) return [];
  return ['there are zero blocks after the end of the archive'];
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(Buffer.alloc(bytes.byteLength));
}

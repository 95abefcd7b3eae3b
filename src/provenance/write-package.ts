import { MAX_PACKAGE_BYTES, MAX_PACKAGE_ENTRIES } from './limits.js';
import { compareUtf8, pathFault } from './tar-path.js';

export const TAR_BLOCK_BYTES = 512;

/** The type flags of the two kinds of entry that a package may have. */
export const TAR_FILE = '0';
export const TAR_DIRECTORY = '5';
type TarType = typeof TAR_FILE | typeof TAR_DIRECTORY;

/** Two zero blocks end every tar. */
export const TAR_END_BYTES = 2 * TAR_BLOCK_BYTES;

/** The mode of every entry: a package carries data, and nothing in it is executed by the host. */
export const FILE_MODE = 0o644;

/**
 * The one byte form of a package: the same entries always give the same bytes, hence the same digest.
 * Throws when the entries cannot be a package at all.
 */
export function writePackage(entries: ReadonlyMap<string, Uint8Array>): Buffer {
  const paths = [...entries.keys()].sort(compareUtf8);
  if (paths.length > MAX_PACKAGE_ENTRIES) throw new Error(`more than ${MAX_PACKAGE_ENTRIES} entries`);
  const blocks: Uint8Array[] = [];
  for (const path of paths) {
    const fault = pathFault(path);
    if (fault !== null) throw new Error(`${JSON.stringify(path)}: ${fault}`);
    const bytes = entries.get(path) ?? new Uint8Array();
    blocks.push(tarHeader(path, bytes.byteLength), bytes, Buffer.alloc(paddingOf(bytes.byteLength)));
  }
  const tar = Buffer.concat([...blocks, Buffer.alloc(TAR_END_BYTES)]);
  if (tar.byteLength > MAX_PACKAGE_BYTES) throw new Error(`larger than ${MAX_PACKAGE_BYTES} bytes`);
  return tar;
}

/** Contents are filled up with zeros to a whole block. */
export function paddingOf(size: number): number {
  return (TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}

/** A ustar header spelled as tar-stream spells it; a test compares the two byte by byte. */
export function tarHeader(path: string, size: number, type: TarType = TAR_FILE): Buffer {
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  header.write(path, 0);
  header.write(octal(FILE_MODE, 6), 100);
  header.write(octal(0, 6), 108); // uid
  header.write(octal(0, 6), 116); // gid
  header.write(octal(size, 11), 124);
  header.write(octal(0, 11), 136); // mtime
  header.write('        ', 148); // The checksum is taken with its own field as spaces.
  header.write(type, 156);
  header.write('ustar\u000000', 257);
  header.write(octal(0, 6), 329); // device numbers
  header.write(octal(0, 6), 337);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0`, 148);
  return header;
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, '0')} `;
}

import { FileType, Size } from './abi.js';
import type { ResourceDirectory } from './resource-tree.js';

/**
 * Fills `target` with entries from the cookie on. As WASI demands, the last one is cut off where the buffer ends:
 * a full buffer tells the guest to ask again.
 */
export function readDirectory(directory: ResourceDirectory, cookie: bigint, target: Uint8Array): number {
  let used = 0;
  let next = 0n;
  for (const entry of listing(directory)) {
    next += 1n;
    if (next <= cookie) continue;
    if (used === target.length) break;
    const bytes = encodeEntry(entry, next).subarray(0, target.length - used);
    target.set(bytes, used);
    used += bytes.length;
  }
  return used;
}

interface Entry {
  name: string;
  inode: bigint;
  fileType: number;
}

function* listing(directory: ResourceDirectory): Generator<Entry> {
  for (const name of ['.', '..']) yield { name, inode: directory.inode, fileType: FileType.directory };
  for (const [name, node] of directory.entries) {
    const fileType = node.kind === 'file' ? FileType.regularFile : FileType.directory;
    yield { name, inode: node.inode, fileType };
  }
}

function encodeEntry(entry: Entry, next: bigint): Buffer {
  const name = Buffer.from(entry.name);
  const head = Buffer.alloc(Size.dirent);
  head.writeBigUInt64LE(next, 0);
  head.writeBigUInt64LE(entry.inode, 8);
  head.writeUInt32LE(name.length, 16);
  head.writeUInt8(entry.fileType, 20);
  return Buffer.concat([head, name]);
}

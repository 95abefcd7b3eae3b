import { FileType, Size } from './abi.js';
import { NodeFileType } from './node-file-type.js';
import type { DirectoryNode } from './tree-nodes.js';

export interface Entry {
  name: string;
  inode: bigint;
  fileType: number;
}

/** All entries as they are now. */
export function listDirectory(directory: DirectoryNode): Entry[] {
  const itself = { inode: directory.inode, fileType: FileType.directory };
  const entries: Entry[] = [
    { name: '.', ...itself },
    { name: '..', ...itself },
  ];
  for (const [name, { inode, kind }] of directory.entries) {
    entries.push({ name, inode, fileType: NodeFileType[kind] });
  }
  return entries;
}

/**
 * Fills `target` with entries from the cookie on. As WASI demands, the last one is cut off where the buffer ends:
 * a full buffer tells the guest to ask again. Entries that are gone are looked at too.
 */
export function readDirectory(
  directory: DirectoryNode,
  listing: readonly Entry[],
  cookie: bigint,
  target: Uint8Array,
): { used: number; looked: number } {
  let used = 0;
  const first = cookie < BigInt(listing.length) ? Number(cookie) : listing.length;
  let place = first;
  for (; place < listing.length && used < target.length; place += 1) {
    const entry = listing[place];
    if (entry === undefined || isGone(directory, entry)) continue;
    const bytes = encodeEntry(entry, BigInt(place + 1)).subarray(0, target.length - used);
    target.set(bytes, used);
    used += bytes.length;
  }
  return { used, looked: place - first };
}

function isGone(directory: DirectoryNode, { name, inode }: Entry): boolean {
  if (name === '.' || name === '..') return false;
  return directory.entries.get(name)?.inode !== inode;
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

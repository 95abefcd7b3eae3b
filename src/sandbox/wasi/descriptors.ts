import { MAX_DESCRIPTORS } from '../sandbox-limits.js';
import { FileType, Right, type FileTypeValue } from './abi.js';
import { Errno, fail } from './errno.js';
import type { ResourceDirectory, ResourceFile, ResourceTree } from './resource-tree.js';

interface Rights {
  rights: bigint;
  inheriting: bigint;
}

export type Descriptor = Rights &
  (
    | { kind: 'stdin' | 'file'; file: ResourceFile; position: number }
    | { kind: 'stdout' | 'stderr' }
    | { kind: 'directory'; directory: ResourceDirectory; preopenName: string | null }
  );

const STREAM_READ = Right.fdRead | Right.fdFilestatGet | Right.pollFdReadwrite;
const STREAM_WRITE = Right.fdWrite | Right.fdFilestatGet | Right.pollFdReadwrite;
const FILE = STREAM_READ | Right.fdSeek | Right.fdTell | Right.fdAdvise;
const DIRECTORY =
  Right.pathOpen | Right.fdReaddir | Right.pathReadlink | Right.pathFilestatGet | Right.fdFilestatGet;

/** What a descriptor opened below a directory may have at most. */
const MOST_BY_KIND = { file: FILE, directory: DIRECTORY } as const;

const PREOPEN_NAME = '/resources';

/** The open descriptors of one cast: 0 to 2 are the streams, 3 is the resource tree. */
export class DescriptorTable {
  readonly #open = new Map<number, Descriptor>();

  constructor(input: Uint8Array, tree: ResourceTree) {
    const stdin: ResourceFile = { kind: 'file', inode: 0n, bytes: input };
    this.#open.set(0, { kind: 'stdin', file: stdin, position: 0, rights: STREAM_READ, inheriting: 0n });
    this.#open.set(1, { kind: 'stdout', rights: STREAM_WRITE, inheriting: 0n });
    this.#open.set(2, { kind: 'stderr', rights: STREAM_WRITE, inheriting: 0n });
    // Writing may be asked for below it, so that the answer is "read-only" instead of a silent loss of the right.
    const inheriting = DIRECTORY | FILE | Right.fdWrite;
    const root = { kind: 'directory', directory: tree.root, preopenName: PREOPEN_NAME } as const;
    this.#open.set(3, { ...root, rights: DIRECTORY, inheriting });
  }

  /** The descriptor behind a number, which must have the right, if one is named. */
  get(number: number, right = 0n): Descriptor {
    const descriptor = this.#open.get(number >>> 0) ?? fail(Errno.BADF);
    if ((descriptor.rights & right) !== right) fail(Errno.NOTCAPABLE);
    return descriptor;
  }

  directory(number: number, right = 0n): Descriptor & { kind: 'directory' } {
    const descriptor = this.get(number);
    if (descriptor.kind !== 'directory') fail(Errno.NOTDIR);
    return this.get(number, right) as Descriptor & { kind: 'directory' };
  }

  /** Opens a node with those of the asked rights it can have, under the lowest free number. */
  open(node: ResourceFile | ResourceDirectory, asked: Rights): number {
    if (this.#open.size >= MAX_DESCRIPTORS) fail(Errno.MFILE);
    let number = 0;
    while (this.#open.has(number)) number += 1;
    const rights = asked.rights & MOST_BY_KIND[node.kind];
    const inheriting = asked.inheriting;
    if (node.kind === 'file')
      this.#open.set(number, { kind: 'file', file: node, position: 0, rights, inheriting });
    else
      this.#open.set(number, { kind: 'directory', directory: node, preopenName: null, rights, inheriting });
    return number;
  }

  close(number: number): void {
    if (!this.#open.delete(number >>> 0)) fail(Errno.BADF);
  }

  renumber(from: number, to: number): void {
    const descriptor = this.get(from);
    this.get(to);
    this.#open.delete(from >>> 0);
    this.#open.set(to >>> 0, descriptor);
  }
}

/**
 * Output looks like a terminal to the guest: C libraries then write whole lines at once instead of keeping them
 * until the end, and a live view gets its lines. Input looks like a pipe, so that nobody prompts.
 */
export function fileTypeOf(kind: Descriptor['kind']): FileTypeValue {
  switch (kind) {
    case 'stdin':
      return FileType.unknown;
    case 'stdout':
    case 'stderr':
      return FileType.characterDevice;
    case 'file':
      return FileType.regularFile;
    case 'directory':
      return FileType.directory;
  }
}

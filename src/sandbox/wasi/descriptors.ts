import { MAX_DESCRIPTORS } from '../sandbox-limits.js';
import { FileType, type FileTypeValue } from './abi.js';
import type { Entry } from './read-directory.js';
import { Errno, fail } from './errno.js';
import type { FileTree } from './file-tree.js';
import { STREAM_READ, STREAM_WRITE, mostRights, type Rights } from './rights.js';
import type { DirectoryNode, FileContent, FileNode } from './tree-nodes.js';

export type Descriptor = Rights & { flags: number } & (
    | { kind: 'stdin'; file: FileContent; position: number }
    | { kind: 'file'; file: FileNode; position: number }
    | { kind: 'stdout' | 'stderr' }
    | {
        kind: 'directory';
        directory: DirectoryNode;
        preopenName: string | null;
        /** What reading it from its beginning found, so that cookies stay true while entries come and go. */
        listing: readonly Entry[] | null;
      }
  );

/** A tree where the guest finds it. */
export interface MountedTree {
  guestPath: string;
  tree: FileTree;
}

interface Asked extends Rights {
  flags: number;
}

/** The open descriptors of one cast: 0 to 2 are the streams, from 3 on come the trees. */
export class DescriptorTable {
  readonly #open = new Map<number, Descriptor>();

  constructor(input: Uint8Array, trees: readonly MountedTree[]) {
    const stdin: FileContent = { bytes: input, size: input?.length ?? 0 };
    const none = { inheriting: 0n, flags: 0 };
    this.#open.set(0, { kind: 'stdin', file: stdin, position: 0, rights: STREAM_READ, ...none });
    this.#open.set(1, { kind: 'stdout', rights: STREAM_WRITE, ...none });
    this.#open.set(2, { kind: 'stderr', rights: STREAM_WRITE, ...none });
    for (const { guestPath, tree } of trees) {
      const { directory: rights, inheriting } = mostRights(tree);
      const number = this.open(tree.root, { rights, inheriting, flags: 0 });
      const descriptor = this.directory(number);
      descriptor.preopenName = guestPath;
    }
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

  /** A directory whose entries may change, under the right to change them. */
  writableDirectory(number: number, right: bigint): DirectoryNode {
    const { directory } = this.directory(number);
    if (!directory.tree.isWritable) fail(Errno.ROFS);
    return this.directory(number, right).directory;
  }

  /** Before anything is created that could then not be opened. */
  assertRoom(): void {
    if (this.#open.size >= MAX_DESCRIPTORS) fail(Errno.MFILE);
  }

  /** Opens a node with those of the asked rights it can have, under the lowest free number. */
  open(node: FileNode | DirectoryNode, asked: Asked): number {
    this.assertRoom();
    let number = 0;
    while (this.#open.has(number)) number += 1;
    const most = mostRights(node.tree);
    const { inheriting, flags } = asked;
    const common = { rights: asked.rights & most[node.kind], inheriting, flags };
    if (node.kind === 'file') this.#open.set(number, { kind: 'file', file: node, position: 0, ...common });
    else {
      const directory = { kind: 'directory', directory: node, preopenName: null, listing: null } as const;
      this.#open.set(number, { ...directory, ...common });
    }
    node.tree.opened(node);
    return number;
  }

  close(number: number): void {
    const descriptor = this.get(number);
    this.#open.delete(number >>> 0);
    letGo(descriptor);
  }

  renumber(from: number, to: number): void {
    const descriptor = this.get(from);
    const replaced = this.get(to);
    if (descriptor === replaced) return;
    this.#open.delete(from >>> 0);
    this.#open.set(to >>> 0, descriptor);
    letGo(replaced);
  }
}

function letGo(descriptor: Descriptor): void {
  if (descriptor.kind === 'file') descriptor.file.tree.closed(descriptor.file);
  else if (descriptor.kind === 'directory') descriptor.directory.tree.closed(descriptor.directory);
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

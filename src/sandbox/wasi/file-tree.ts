import { MAX_NAME_BYTES, TREE_ENTRY_BYTES } from '../sandbox-limits.js';
import { Errno, fail } from './errno.js';
import type {
  DirectoryNode,
  EntryName,
  FileNode,
  LinkNode,
  NodeTimes,
  OwningTree,
  TreeNode,
} from './tree-nodes.js';

export interface TreeContents {
  /** "a/b.txt" → bytes. */
  files: ReadonlyMap<string, Uint8Array>;
  /** Folders beyond those that the files need. */
  folders?: readonly string[];
  /** "a/link" → what it points to, as written. */
  links?: ReadonlyMap<string, string>;
}

export interface TreeOptions {
  /** What `st_dev` says: no two trees of a guest share it. */
  device: bigint;
  isWritable: boolean;
  /** For contents and names together; a tree that nobody writes needs no bound. */
  maxBytes?: number;
  nowNs?: bigint;
}

/**
 * Files in memory: the read-only ones a spell brings along, and those of one cast that its guest may change.
 * Sorted at first, so that every guest lists them in the same order.
 */
export class FileTree implements OwningTree {
  static readonly empty = new FileTree({ device: 1n, isWritable: false });
  readonly device: bigint;
  readonly isWritable: boolean;
  readonly root: DirectoryNode;
  readonly #maxBytes: number;
  #usedBytes = 0;
  #lastInode = 0n;

  constructor({ device, isWritable, maxBytes, nowNs }: TreeOptions) {
    this.device = device;
    this.isWritable = isWritable;
    this.#maxBytes = maxBytes ?? Number.MAX_SAFE_INTEGER;
    this.root = this.newDirectory(nowNs ?? 0n);
    this.root.links = 1;
  }

  /** A read-only tree. Throws for paths that cannot be. */
  static fromFiles(files: ReadonlyMap<string, Uint8Array>): FileTree {
    return FileTree.from({ files }, { device: 1n, isWritable: false });
  }

  /** Throws for paths that cannot be, and for more than fits. The bytes become the tree's own. */
  static from(contents: TreeContents, options: TreeOptions): FileTree {
    const tree = new FileTree(options);
    const nowNs = options.nowNs ?? 0n;
    const makers = new Map<string, () => TreeNode>();
    for (const path of contents.folders ?? []) makers.set(path, () => tree.newDirectory(nowNs));
    for (const [path, target] of contents.links ?? []) makers.set(path, () => tree.newLink(target, nowNs));
    for (const [path, bytes] of contents.files) makers.set(path, () => tree.#fileOf(bytes, nowNs));
    // Folders that are named come first by their order: "a" before "a/b".
    for (const path of [...makers.keys()].toSorted()) tree.#place(path, makers.get(path), nowNs);
    if (tree.freeBytes < 0) throw new RangeError(`The files need more than ${options.maxBytes} bytes.`);
    return tree;
  }

  get freeBytes(): number {
    return this.#maxBytes - this.#usedBytes;
  }

  newFile(nowNs: bigint): FileNode {
    return { kind: 'file', bytes: new Uint8Array(0), size: 0, ...this.#newNode(nowNs) };
  }

  newDirectory(nowNs: bigint): DirectoryNode {
    return { kind: 'directory', parent: null, entries: new Map(), ...this.#newNode(nowNs) };
  }

  newLink(target: string, nowNs: bigint): LinkNode {
    return { kind: 'link', target, ...this.#newNode(nowNs) };
  }

  /** Gives a node a name. */
  attach(parent: DirectoryNode, name: string, node: TreeNode, nowNs: bigint): void {
    const isNew = node.links === 0;
    const neededBytes = TREE_ENTRY_BYTES + (isNew ? contentBytes(node) : 0);
    if (neededBytes > this.freeBytes) fail(Errno.NOSPC);
    this.#usedBytes += neededBytes;
    this.#enter(parent, name, node);
    for (const changed of [parent, node]) touch(changed, nowNs, changed === parent);
  }

  /** Takes a name away, and the node with it when that was the last one and nobody has it open. */
  detach(parent: DirectoryNode, name: string, nowNs: bigint): void {
    const node = parent.entries.get(name);
    if (node === undefined) return;
    parent.entries.delete(name);
    node.links -= 1;
    this.#usedBytes -= TREE_ENTRY_BYTES;
    touch(parent, nowNs, true);
    touch(node, nowNs, false);
    this.#freeUnlessUsed(node);
  }

  /** Gives a node another name instead of its own; whatever had the new one is gone. */
  move(from: EntryName, to: EntryName, nowNs: bigint): void {
    const node = from.parent.entries.get(from.name);
    if (node === undefined) return;
    this.detach(to.parent, to.name, nowNs);
    from.parent.entries.delete(from.name);
    node.links -= 1;
    this.#enter(to.parent, to.name, node);
    for (const parent of [from.parent, to.parent]) touch(parent, nowNs, true);
    touch(node, nowNs, false);
  }

  /** Makes a file longer, with zeros, or shorter. */
  resize(file: FileNode, size: number, nowNs: bigint): void {
    const grownBytes = size - file.size;
    if (grownBytes > this.freeBytes) fail(Errno.NOSPC);
    if (size > file.bytes.length) file.bytes = this.#enlarged(file, size);
    else if (grownBytes > 0) file.bytes.fill(0, file.size, size);
    else if (size < file.bytes.length / 2) file.bytes = Uint8Array.from(file.bytes.subarray(0, size));
    file.size = size;
    this.#usedBytes += grownBytes;
    touch(file, nowNs, true);
  }

  opened(node: TreeNode): void {
    node.opens += 1;
  }

  closed(node: TreeNode): void {
    node.opens -= 1;
    this.#freeUnlessUsed(node);
  }

  #newNode(nowNs: bigint): NodeTimes & { tree: FileTree; inode: bigint; links: number; opens: number } {
    const times = { accessedNs: nowNs, modifiedNs: nowNs, changedNs: nowNs };
    return { tree: this, inode: (this.#lastInode += 1n), links: 0, opens: 0, ...times };
  }

  #fileOf(bytes: Uint8Array, nowNs: bigint): FileNode {
    return { ...this.newFile(nowNs), bytes, size: bytes.length };
  }

  #place(path: string, make: (() => TreeNode) | undefined, nowNs: bigint): void {
    const names = path.split('/');
    if (names.some((name) => !isEntryName(name))) throw new Error(`"${path}" is no path of a resource.`);
    const lastName = names.pop() ?? '';
    const parent = names.reduce((folder, name) => this.#folderIn(folder, name, nowNs), this.root);
    const node = make?.();
    if (node?.kind === 'directory' && parent.entries.get(lastName)?.kind === 'directory') return;
    if (parent.entries.has(lastName)) throw new Error(`"${path}" is both a file and a folder.`);
    if (node !== undefined) this.#placeNew(parent, lastName, node);
  }

  #folderIn(parent: DirectoryNode, name: string, nowNs: bigint): DirectoryNode {
    const existing = parent.entries.get(name);
    if (existing?.kind === 'directory') return existing;
    if (existing !== undefined) throw new Error(`"${name}" is both a file and a folder.`);
    const created = this.newDirectory(nowNs);
    this.#placeNew(parent, name, created);
    return created;
  }

  /** Unlike `attach` it lets the tree become too large, which is said once at the end. */
  #placeNew(parent: DirectoryNode, name: string, node: TreeNode): void {
    this.#usedBytes += TREE_ENTRY_BYTES + contentBytes(node);
    this.#enter(parent, name, node);
  }

  #enter(parent: DirectoryNode, name: string, node: TreeNode): void {
    parent.entries.set(name, node);
    node.links += 1;
    if (node.kind === 'directory') node.parent = parent;
  }

  #enlarged(file: FileNode, size: number): Uint8Array {
    // Half as much again, so that appending byte by byte copies each byte about three times, not once per byte.
    const wanted = Math.max(size, Math.ceil(file.bytes.length * 1.5));
    const bytes = new Uint8Array(Math.min(wanted, file.size + this.freeBytes));
    bytes.set(file.bytes.subarray(0, file.size));
    return bytes;
  }

  #freeUnlessUsed(node: TreeNode): void {
    if (node.links > 0 || node.opens > 0) return;
    this.#usedBytes -= contentBytes(node);
    if (node.kind === 'file') Object.assign(node, { bytes: new Uint8Array(0), size: 0 });
  }
}

/** A change of the contents is also one of the node. */
function touch(node: TreeNode, nowNs: bigint, isContentChanged: boolean): void {
  if (isContentChanged) node.modifiedNs = nowNs;
  node.changedNs = nowNs;
}

function contentBytes(node: TreeNode): number {
  if (node.kind === 'file') return node.size;
  return node.kind === 'link' ? Buffer.byteLength(node.target) : 0;
}

function isEntryName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || name.includes('\0')) return false;
  return Buffer.byteLength(name) <= MAX_NAME_BYTES;
}

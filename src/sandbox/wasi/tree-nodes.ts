/** Bytes that can be read; `bytes` may be longer than what has been written of it. */
export interface FileContent {
  bytes: Uint8Array;
  size: number;
}

/** Nanoseconds since 1970, on the guest's clock. */
export interface NodeTimes {
  accessedNs: bigint;
  modifiedNs: bigint;
  changedNs: bigint;
}

/** What a node knows of the tree it belongs to. */
export interface OwningTree {
  readonly device: bigint;
  readonly isWritable: boolean;
  readonly freeBytes: number;
  newFile(nowNs: bigint): FileNode;
  newDirectory(nowNs: bigint): DirectoryNode;
  newLink(target: string, nowNs: bigint): LinkNode;
  attach(parent: DirectoryNode, name: string, node: TreeNode, nowNs: bigint): void;
  detach(parent: DirectoryNode, name: string, nowNs: bigint): void;
  move(from: EntryName, to: EntryName, nowNs: bigint): void;
  resize(file: FileNode, size: number, nowNs: bigint): void;
  opened(node: TreeNode): void;
  closed(node: TreeNode): void;
}

export interface EntryName {
  parent: DirectoryNode;
  name: string;
}

interface NodeBase extends NodeTimes {
  tree: OwningTree;
  inode: bigint;
  /** Names it has. A node without names lives on until its last descriptor is closed. */
  links: number;
  /** Descriptors that are open on it. */
  opens: number;
}

export interface FileNode extends NodeBase, FileContent {
  kind: 'file';
}

export interface DirectoryNode extends NodeBase {
  kind: 'directory';
  /** null for a root. */
  parent: DirectoryNode | null;
  entries: Map<string, TreeNode>;
}

export interface LinkNode extends NodeBase {
  kind: 'link';
  target: string;
}

export type TreeNode = FileNode | DirectoryNode | LinkNode;

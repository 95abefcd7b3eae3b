export interface ResourceFile {
  kind: 'file';
  inode: bigint;
  bytes: Uint8Array;
}

export interface ResourceDirectory {
  kind: 'directory';
  inode: bigint;
  entries: Map<string, ResourceNode>;
}

export type ResourceNode = ResourceFile | ResourceDirectory;

/** The read-only files a spell brings along. Sorted, so that every guest lists them in the same order. */
export class ResourceTree {
  static readonly empty = new ResourceTree();
  readonly root: ResourceDirectory = { kind: 'directory', inode: 1n, entries: new Map() };
  #lastInode = 1n;

  static fromFiles(files: ReadonlyMap<string, Uint8Array>): ResourceTree {
    const tree = new ResourceTree();
    for (const path of [...files.keys()].toSorted()) tree.#add(path, files.get(path) ?? new Uint8Array(0));
    return tree;
  }

  #add(path: string, bytes: Uint8Array): void {
    const names = path.split('/');
    if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'))) {
      throw new Error(`"${path}" is no path of a resource.`);
    }
    const fileName = names.pop() ?? '';
    const directory = names.reduce((parent, name) => this.#directoryIn(parent, name), this.root);
    if (directory.entries.has(fileName)) throw new Error(`"${path}" is both a file and a folder.`);
    directory.entries.set(fileName, { kind: 'file', inode: (this.#lastInode += 1n), bytes });
  }

  #directoryIn(parent: ResourceDirectory, name: string): ResourceDirectory {
    const existing = parent.entries.get(name);
    if (existing?.kind === 'directory') return existing;
    if (existing !== undefined) throw new Error(`"${name}" is both a file and a folder.`);
    const created: ResourceDirectory = {
      kind: 'directory',
      inode: (this.#lastInode += 1n),
      entries: new Map(),
    };
    parent.entries.set(name, created);
    return created;
  }
}

import { MAX_LINKS_FOLLOWED, MAX_NAME_BYTES, MAX_PATH_BYTES } from '../sandbox-limits.js';
import { Errno, fail } from './errno.js';
import type { DirectoryNode, EntryName, TreeNode } from './tree-nodes.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function decodePath(bytes: Uint8Array): string {
  if (bytes.length > MAX_PATH_BYTES) fail(Errno.NAMETOOLONG);
  let path: string;
  try {
    path = utf8.decode(bytes);
  } catch {
    return fail(Errno.ILSEQ);
  }
  if (path.includes('\0')) fail(Errno.INVAL);
  return path;
}

/**
 * What to do about a symbolic link at the end of a path. `entry` is for those who change names: they mean the link
 * even when a slash follows it.
 */
export type LastLink = 'follow' | 'keep' | 'entry';

/** Where a path leads. */
export interface Place {
  /** null when the path ends in "." or "..", which no name can be given to or taken from. */
  entry: EntryName | null;
  /** undefined when nothing has that name yet. */
  node: TreeNode | undefined;
  /** The path ends in a slash. */
  demandsDirectory: boolean;
}

/** Told of every link that is followed, before its target is looked at. */
export type OnFollow = (target: string) => void;

/** Walks a path below `base`, never above it, not by ".." and not by a link. */
export function locate(base: DirectoryNode, path: string, lastLink: LastLink, onFollow: OnFollow): Place {
  if (path === '') fail(Errno.NOENT);
  if (path.startsWith('/')) fail(Errno.PERM);
  return new Walk(base, path, lastLink, onFollow).toEnd();
}

/** The same for what must exist. */
export function resolvePath(
  base: DirectoryNode,
  path: string,
  lastLink: LastLink,
  onFollow: OnFollow,
): TreeNode {
  return locate(base, path, lastLink, onFollow).node ?? fail(Errno.NOENT);
}

/** A name that is free, in a folder that still has a place. Only a folder's may end in a slash. */
export function freeName({ entry, node, demandsDirectory }: Place, isDirectory: boolean): EntryName {
  if (node !== undefined || entry === null) return fail(Errno.EXIST);
  if (demandsDirectory && !isDirectory) fail(Errno.NOENT);
  if (entry.parent.links === 0) fail(Errno.NOENT);
  return entry;
}

class Walk {
  /** The folders passed so far: ".." goes back by them. */
  readonly #walked: DirectoryNode[];
  readonly #lastLink: LastLink;
  readonly #onFollow: OnFollow;
  /** Names still to come, the next one last. */
  #names: string[];
  #demandsDirectory: boolean;
  #linksFollowed = 0;

  constructor(base: DirectoryNode, path: string, lastLink: LastLink, onFollow: OnFollow) {
    this.#walked = [base];
    this.#lastLink = lastLink;
    this.#onFollow = onFollow;
    this.#names = namesOf(path);
    this.#demandsDirectory = path.endsWith('/');
  }

  toEnd(): Place {
    for (let name = this.#names.pop(); name !== undefined; name = this.#names.pop()) {
      const parent = this.#walked.at(-1) ?? fail(Errno.PERM);
      if (name === '.') continue;
      if (name === '..') this.#goUp();
      else {
        const place = this.#goDown(parent, name);
        if (place !== null) return place;
      }
    }
    return { entry: null, node: this.#walked.at(-1), demandsDirectory: true };
  }

  #goUp(): void {
    this.#walked.pop();
    if (this.#walked.length === 0) fail(Errno.PERM);
  }

  /** Where the path ends, or null when it goes on from here. */
  #goDown(parent: DirectoryNode, name: string): Place | null {
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) fail(Errno.NAMETOOLONG);
    const node = parent.entries.get(name);
    const isLast = this.#names.length === 0;
    if (node === undefined) {
      if (isLast) return { entry: { parent, name }, node, demandsDirectory: this.#demandsDirectory };
      return fail(Errno.NOENT);
    }
    if (node.kind === 'link' && this.#mustFollow(isLast)) {
      this.#follow(node.target);
      return null;
    }
    if (node.kind !== 'directory' && (!isLast || this.#demandsDirectory)) fail(Errno.NOTDIR);
    if (isLast) return { entry: { parent, name }, node, demandsDirectory: this.#demandsDirectory };
    if (node.kind === 'directory') this.#walked.push(node);
    return null;
  }

  #mustFollow(isLast: boolean): boolean {
    if (!isLast || this.#lastLink === 'follow') return true;
    return this.#lastLink === 'keep' && this.#demandsDirectory;
  }

  #follow(target: string): void {
    this.#linksFollowed += 1;
    if (this.#linksFollowed > MAX_LINKS_FOLLOWED) fail(Errno.LOOP);
    if (target.startsWith('/')) fail(Errno.PERM);
    this.#onFollow(target);
    if (this.#names.length === 0 && target.endsWith('/')) this.#demandsDirectory = true;
    this.#names.push(...namesOf(target));
  }
}

function namesOf(path: string): string[] {
  return path
    .split('/')
    .filter((name) => name !== '')
    .reverse();
}

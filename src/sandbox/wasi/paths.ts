import { MAX_PATH_BYTES } from '../sandbox-limits.js';
import { Errno, fail } from './errno.js';
import type { ResourceDirectory, ResourceNode } from './resource-tree.js';

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

/** Walks a path below `base`. There are no links, so `..` can be followed by name, but never above `base`. */
export function resolvePath(base: ResourceDirectory, path: string): ResourceNode {
  if (path === '') fail(Errno.NOENT);
  if (path.startsWith('/')) fail(Errno.PERM);
  const walked: ResourceNode[] = [base];
  // A trailing slash leaves an empty last name, which demands a directory like "." does.
  for (const name of path.split('/')) {
    const current = walked.at(-1) ?? fail(Errno.PERM);
    if (current.kind !== 'directory') fail(Errno.NOTDIR);
    if (name === '..') walked.pop();
    else if (name !== '' && name !== '.') walked.push(current.entries.get(name) ?? fail(Errno.NOENT));
  }
  return walked.at(-1) ?? fail(Errno.PERM);
}

import { LOOKUP_FOLLOW, Right } from './abi.js';
import { Errno, fail } from './errno.js';
import { linkFollower, pathReader } from './guest-path.js';
import { freeName, locate, resolvePath } from './paths.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

/** Giving what exists one more name, and names that stand for others. */
export function pathLinks(context: WasiContext): WasiFunctions {
  const { descriptors, clock } = context;
  const path = pathReader(context);
  const follow = linkFollower(context);

  function link(
    oldNumber: number,
    lookupFlags: number,
    oldPointer: number,
    oldLength: number,
    newNumber: number,
    newPointer: number,
    newLength: number,
  ): void {
    const oldBase = descriptors.writableDirectory(oldNumber, Right.pathLinkSource);
    const newBase = descriptors.writableDirectory(newNumber, Right.pathLinkTarget);
    const lastLink = lookupFlags & LOOKUP_FOLLOW ? 'follow' : 'keep';
    const node = resolvePath(oldBase, path(oldPointer, oldLength), lastLink, follow);
    if (node.kind === 'directory') fail(Errno.PERM);
    const name = freeName(locate(newBase, path(newPointer, newLength), 'entry', follow), false);
    if (oldBase.tree !== newBase.tree) fail(Errno.XDEV);
    node.tree.attach(name.parent, name.name, node, clock.realtimeNs);
  }

  function symlink(
    targetPointer: number,
    targetLength: number,
    number: number,
    pointer: number,
    length: number,
  ): void {
    const base = descriptors.writableDirectory(number, Right.pathSymlink);
    const target = path(targetPointer, targetLength);
    if (target === '') fail(Errno.NOENT);
    // It could never be followed: absolute paths are the guest's library's, descriptors know none.
    if (target.startsWith('/')) fail(Errno.PERM);
    const name = freeName(locate(base, path(pointer, length), 'entry', follow), false);
    const { tree } = name.parent;
    tree.attach(name.parent, name.name, tree.newLink(target, clock.realtimeNs), clock.realtimeNs);
  }

  return { path_link: link, path_symlink: symlink };
}

import { Right } from './abi.js';
import { Errno, fail } from './errno.js';
import { linkFollower, pathReader } from './guest-path.js';
import { freeName, locate, type Place } from './paths.js';
import type { DirectoryNode, TreeNode } from './tree-nodes.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

/** Giving names and taking them away. In a read-only tree each of these is answered so before anything else. */
export function pathChanges(context: WasiContext): WasiFunctions {
  const { descriptors, clock } = context;
  const path = pathReader(context);
  const follow = linkFollower(context);

  function createDirectory(number: number, pointer: number, length: number): void {
    const base = descriptors.writableDirectory(number, Right.pathCreateDirectory);
    const name = freeName(locate(base, path(pointer, length), 'entry', follow), true);
    const { tree } = name.parent;
    tree.attach(name.parent, name.name, tree.newDirectory(clock.realtimeNs), clock.realtimeNs);
  }

  function removeDirectory(number: number, pointer: number, length: number): void {
    const base = descriptors.writableDirectory(number, Right.pathRemoveDirectory);
    const { entry, node } = locate(base, path(pointer, length), 'entry', follow);
    if (node === undefined) fail(Errno.NOENT);
    if (node.kind !== 'directory') fail(Errno.NOTDIR);
    // "." and "..": taking away what one stands on is EINVAL.
    if (entry === null) fail(Errno.INVAL);
    if (node.entries.size > 0) fail(Errno.NOTEMPTY);
    node.tree.detach(entry.parent, entry.name, clock.realtimeNs);
  }

  function unlinkFile(number: number, pointer: number, length: number): void {
    const base = descriptors.writableDirectory(number, Right.pathUnlinkFile);
    const { entry, node } = locate(base, path(pointer, length), 'entry', follow);
    if (node === undefined) fail(Errno.NOENT);
    if (node.kind === 'directory' || entry === null) fail(Errno.ISDIR);
    node.tree.detach(entry.parent, entry.name, clock.realtimeNs);
  }

  function rename(
    oldNumber: number,
    oldPointer: number,
    oldLength: number,
    newNumber: number,
    newPointer: number,
    newLength: number,
  ): void {
    const oldBase = descriptors.writableDirectory(oldNumber, Right.pathRenameSource);
    const newBase = descriptors.writableDirectory(newNumber, Right.pathRenameTarget);
    const source = locate(oldBase, path(oldPointer, oldLength), 'entry', follow);
    const target = locate(newBase, path(newPointer, newLength), 'entry', follow);
    const { node } = source;
    if (node === undefined) fail(Errno.NOENT);
    if (source.entry === null || target.entry === null) fail(Errno.INVAL);
    if (oldBase.tree !== newBase.tree) fail(Errno.XDEV);
    if (node === target.node) return;
    assertReplaceable(node, target);
    if (node.kind === 'directory' && isWithin(target.entry.parent, node)) fail(Errno.INVAL);
    if (target.entry.parent.links === 0) fail(Errno.NOENT);
    node.tree.move(source.entry, target.entry, clock.realtimeNs);
  }

  return {
    path_create_directory: createDirectory,
    path_remove_directory: removeDirectory,
    path_rename: rename,
    path_unlink_file: unlinkFile,
  };
}

/** What rename may put in the place of what. */
function assertReplaceable(source: TreeNode, { node: target, demandsDirectory }: Place): void {
  if (source.kind !== 'directory') {
    if (target?.kind === 'directory') fail(Errno.ISDIR);
    if (demandsDirectory) fail(Errno.NOTDIR);
  } else if (target !== undefined) {
    if (target.kind !== 'directory') fail(Errno.NOTDIR);
    if (target.entries.size > 0) fail(Errno.NOTEMPTY);
  }
}

function isWithin(directory: DirectoryNode, ancestor: DirectoryNode): boolean {
  for (let place: DirectoryNode | null = directory; place !== null; place = place.parent) {
    if (place === ancestor) return true;
  }
  return false;
}

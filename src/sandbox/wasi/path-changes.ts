import { LOOKUP_FOLLOW, Right } from './abi.js';
import { Errno, fail } from './errno.js';
import { decodePath, locate, resolvePath, type Place } from './paths.js';
import type { DirectoryNode, EntryName, TreeNode } from './tree-nodes.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

/** Giving names and taking them away. In a read-only tree each of these is answered so before anything else. */
export function pathChanges({ host, memory, descriptors, clock }: WasiContext): WasiFunctions {
  function path(pointer: number, length: number): string {
    host.chargeBytes(length >>> 0);
    return decodePath(memory.bytes(pointer, length));
  }

  function createDirectory(number: number, pointer: number, length: number): void {
    const base = descriptors.writableDirectory(number, Right.pathCreateDirectory);
    const name = newName(locate(base, path(pointer, length), 'entry'), true);
    const { tree } = name.parent;
    tree.attach(name.parent, name.name, tree.newDirectory(clock.realtimeNs), clock.realtimeNs);
  }

  function removeDirectory(number: number, pointer: number, length: number): void {
    const base = descriptors.writableDirectory(number, Right.pathRemoveDirectory);
    const { entry, node } = locate(base, path(pointer, length), 'entry');
    if (node === undefined) fail(Errno.NOENT);
    if (node.kind !== 'directory') fail(Errno.NOTDIR);
    // "." and "..": taking away what one stands on is EINVAL.
    if (entry === null) fail(Errno.INVAL);
    if (node.entries.size > 0) fail(Errno.NOTEMPTY);
    node.tree.detach(entry.parent, entry.name, clock.realtimeNs);
  }

  function unlinkFile(number: number, pointer: number, length: number): void {
    const base = descriptors.writableDirectory(number, Right.pathUnlinkFile);
    const { entry, node } = locate(base, path(pointer, length), 'entry');
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
    const source = locate(oldBase, path(oldPointer, oldLength), 'entry');
    const target = locate(newBase, path(newPointer, newLength), 'entry');
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
    const node = resolvePath(oldBase, path(oldPointer, oldLength), lastLink);
    if (node.kind === 'directory') fail(Errno.PERM);
    const name = newName(locate(newBase, path(newPointer, newLength), 'entry'), false);
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
    const name = newName(locate(base, path(pointer, length), 'entry'), false);
    const { tree } = name.parent;
    tree.attach(name.parent, name.name, tree.newLink(target, clock.realtimeNs), clock.realtimeNs);
  }

  return {
    path_create_directory: createDirectory,
    path_link: link,
    path_remove_directory: removeDirectory,
    path_rename: rename,
    path_symlink: symlink,
    path_unlink_file: unlinkFile,
  };
}

/** A name that is free, in a folder that still has a place. Only a folder's may end in a slash. */
function newName({ entry, node, demandsDirectory }: Place, isDirectory: boolean): EntryName {
  if (node !== undefined || entry === null) return fail(Errno.EXIST);
  if (demandsDirectory && !isDirectory) fail(Errno.NOENT);
  if (entry.parent.links === 0) fail(Errno.NOENT);
  return entry;
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

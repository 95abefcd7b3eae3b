import { DescriptorFlag, LOOKUP_FOLLOW, OpenFlag, Right, Size } from './abi.js';
import { Errno, fail } from './errno.js';
import { statOfNode, writeFilestat } from './filestat.js';
import { linkFollower, pathReader } from './guest-path.js';
import { locate, resolvePath, type LastLink, type Place } from './paths.js';
import type { DirectoryNode, FileNode, TreeNode } from './tree-nodes.js';
import { setTimes } from './set-times.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

const ALL_OPEN_FLAGS = OpenFlag.create | OpenFlag.directory | OpenFlag.exclusive | OpenFlag.truncate;
const ALL_DESCRIPTOR_FLAGS =
  DescriptorFlag.append |
  DescriptorFlag.dsync |
  DescriptorFlag.nonblock |
  DescriptorFlag.rsync |
  DescriptorFlag.sync;

interface Opening {
  flags: number;
  rights: bigint;
  mayCreate: boolean;
  mayTruncate: boolean;
}

/** Opening names and asking about them. */
export function pathFunctions(context: WasiContext): WasiFunctions {
  const { host, memory, descriptors, clock } = context;
  const path = pathReader(context);
  const follow = linkFollower(context);

  function open(
    number: number,
    lookupFlags: number,
    pathPointer: number,
    pathLength: number,
    flags: number,
    rights: bigint,
    inheriting: bigint,
    descriptorFlags: number,
    openedPointer: number,
  ): void {
    const parent = descriptors.directory(number, Right.pathOpen);
    if (flags & ~ALL_OPEN_FLAGS || descriptorFlags & ~ALL_DESCRIPTOR_FLAGS) fail(Errno.INVAL);
    const asked = { rights: rights & parent.inheriting, inheriting: inheriting & parent.inheriting };
    const place = locate(
      parent.directory,
      path(pathPointer, pathLength),
      lastLinkOf(lookupFlags, flags),
      follow,
    );
    memory.setU32(openedPointer, 0);
    descriptors.assertRoom();
    const opening = {
      flags,
      rights: asked.rights,
      mayCreate: (parent.rights & Right.pathCreateFile) !== 0n,
      mayTruncate: (parent.rights & Right.pathFilestatSetSize) !== 0n,
    };
    const node = openNode(place, parent.directory, opening, clock.realtimeNs);
    memory.setU32(openedPointer, descriptors.open(node, { ...asked, flags: descriptorFlags }));
  }

  return {
    path_open: open,
    path_filestat_get: (
      number: number,
      lookupFlags: number,
      name: number,
      length: number,
      pointer: number,
    ) => {
      const { directory } = descriptors.directory(number, Right.pathFilestatGet);
      const node = resolvePath(directory, path(name, length), lastLinkOf(lookupFlags, 0), follow);
      writeFilestat(memory.view(pointer, Size.filestat), statOfNode(node));
    },
    path_filestat_set_times: (
      number: number,
      lookupFlags: number,
      name: number,
      length: number,
      accessedNs: bigint,
      modifiedNs: bigint,
      flags: number,
    ) => {
      const directory = descriptors.writableDirectory(number, Right.pathFilestatSetTimes);
      const node = resolvePath(directory, path(name, length), lastLinkOf(lookupFlags, 0), follow);
      setTimes(node, { accessedNs, modifiedNs, flags }, clock.realtimeNs);
    },
    path_readlink: (
      number: number,
      name: number,
      nameLength: number,
      pointer: number,
      length: number,
      usedPointer: number,
    ) => {
      const { directory } = descriptors.directory(number, Right.pathReadlink);
      const node = resolvePath(directory, path(name, nameLength), 'keep', follow);
      // This is what POSIX says of any other kind of file.
      if (node.kind !== 'link') fail(Errno.INVAL);
      const target = Buffer.from(node.target).subarray(0, length >>> 0);
      host.chargeBytes(target.length);
      memory.setU32(usedPointer, target.length);
      memory.bytes(pointer, target.length).set(target);
    },
  };
}

function lastLinkOf(lookupFlags: number, openFlags: number): LastLink {
  // POSIX: what must be new may not be a link to something, not even to nothing.
  const mustBeNew = openFlags & OpenFlag.create && openFlags & OpenFlag.exclusive;
  return lookupFlags & LOOKUP_FOLLOW && !mustBeNew ? 'follow' : 'keep';
}

function openNode(
  place: Place,
  base: DirectoryNode,
  opening: Opening,
  nowNs: bigint,
): FileNode | DirectoryNode {
  const { flags } = opening;
  if (place.node === undefined) return createFile(place, opening, nowNs);
  if (flags & OpenFlag.create && flags & OpenFlag.exclusive) fail(Errno.EXIST);
  const node = openable(place.node, opening);
  if (!(flags & OpenFlag.truncate) && !(opening.rights & Right.fdWrite)) return node;
  if (node.kind === 'directory') fail(Errno.ISDIR);
  if (!base.tree.isWritable) fail(Errno.ROFS);
  if (flags & OpenFlag.truncate) {
    if (!opening.mayTruncate) fail(Errno.NOTCAPABLE);
    node.tree.resize(node, 0, nowNs);
  }
  return node;
}

function openable(node: TreeNode, { flags }: Opening): FileNode | DirectoryNode {
  if (node.kind === 'link') return fail(flags & OpenFlag.directory ? Errno.NOTDIR : Errno.LOOP);
  if (flags & OpenFlag.directory && node.kind !== 'directory') fail(Errno.NOTDIR);
  return node;
}

function createFile(place: Place, { flags, mayCreate }: Opening, nowNs: bigint): FileNode {
  if (!(flags & OpenFlag.create) || place.entry === null) return fail(Errno.NOENT);
  const { parent, name } = place.entry;
  const { tree } = parent;
  if (!tree.isWritable) fail(Errno.ROFS);
  if (!mayCreate) fail(Errno.NOTCAPABLE);
  if (flags & OpenFlag.directory) fail(Errno.INVAL);
  if (place.demandsDirectory) fail(Errno.ISDIR);
  if (parent.links === 0) fail(Errno.NOENT);
  const file = tree.newFile(nowNs);
  tree.attach(parent, name, file, nowNs);
  return file;
}

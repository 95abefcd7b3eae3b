import { FileType, OpenFlag, Right, Size } from './abi.js';
import { Errno, WasiError, fail, type ErrnoValue } from './errno.js';
import { writeFilestat } from './filestat.js';
import { decodePath, resolvePath } from './paths.js';
import type { ResourceDirectory, ResourceNode } from './resource-tree.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

/** Names below /resources. Whatever would change something there is answered "read-only file system". */
export function pathFunctions({ host, memory, descriptors }: WasiContext): WasiFunctions {
  function path(pointer: number, length: number): string {
    host.chargeBytes(length >>> 0);
    return decodePath(memory.bytes(pointer, length));
  }

  function refuseChange(number: number): ErrnoValue {
    descriptors.directory(number);
    return Errno.ROFS;
  }

  function open(
    number: number,
    _lookupFlags: number,
    pathPointer: number,
    pathLength: number,
    flags: number,
    rights: bigint,
    inheriting: bigint,
    _descriptorFlags: number,
    openedPointer: number,
  ): void {
    const parent = descriptors.directory(number, Right.pathOpen);
    const asked = { rights: rights & parent.inheriting, inheriting: inheriting & parent.inheriting };
    const node = find(parent.directory, path(pathPointer, pathLength), flags);
    assertReadOnlyOpen(node, flags, asked.rights);
    memory.setU32(openedPointer, 0);
    memory.setU32(openedPointer, descriptors.open(node, asked));
  }

  return {
    path_open: open,
    path_filestat_get: (number: number, _flags: number, name: number, length: number, pointer: number) => {
      const { directory } = descriptors.directory(number, Right.pathFilestatGet);
      const node = resolvePath(directory, path(name, length));
      writeFilestat(memory.view(pointer, Size.filestat), statOf(node));
    },
    path_readlink: (number: number, name: number, length: number) => {
      resolvePath(descriptors.directory(number, Right.pathReadlink).directory, path(name, length));
      // There are no symbolic links in the tree, and this is what POSIX says of any other file.
      return Errno.INVAL;
    },
    path_create_directory: refuseChange,
    path_filestat_set_times: refuseChange,
    path_link: refuseChange,
    path_remove_directory: refuseChange,
    path_rename: refuseChange,
    path_symlink: (_target: number, _targetLength: number, number: number) => refuseChange(number),
    path_unlink_file: refuseChange,
  };
}

function find(base: ResourceDirectory, path: string, flags: number): ResourceNode {
  try {
    return resolvePath(base, path);
  } catch (error) {
    const isMissing = error instanceof WasiError && error.errno === Errno.NOENT;
    if (isMissing && flags & OpenFlag.create) fail(Errno.ROFS);
    throw error;
  }
}

function assertReadOnlyOpen(node: ResourceNode, flags: number, rights: bigint): void {
  if (flags & OpenFlag.create && flags & OpenFlag.exclusive) fail(Errno.EXIST);
  if (flags & OpenFlag.directory && node.kind !== 'directory') fail(Errno.NOTDIR);
  if (!(flags & OpenFlag.truncate) && !(rights & Right.fdWrite)) return;
  fail(node.kind === 'directory' ? Errno.ISDIR : Errno.ROFS);
}

function statOf(node: ResourceNode): { inode: bigint; fileType: number; size: number } {
  if (node.kind === 'directory') return { inode: node.inode, fileType: FileType.directory, size: 0 };
  return { inode: node.inode, fileType: FileType.regularFile, size: node.bytes.length };
}

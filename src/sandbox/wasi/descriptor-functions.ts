import { FileType, PREOPEN_TYPE_DIRECTORY, Right, Size } from './abi.js';
import { fileTypeOf, type Descriptor } from './descriptors.js';
import { Errno, fail, type ErrnoValue } from './errno.js';
import { writeFilestat } from './filestat.js';
import { readDirectory } from './read-directory.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

/** What a guest may ask about a descriptor, and what it may not do to one: everything is read-only. */
export function descriptorFunctions({ host, memory, descriptors }: WasiContext): WasiFunctions {
  function preopenName(number: number): Buffer {
    const descriptor = descriptors.get(number);
    if (descriptor.kind !== 'directory' || descriptor.preopenName === null) fail(Errno.BADF);
    return Buffer.from(descriptor.preopenName);
  }

  function refuseChange(number: number): ErrnoValue {
    descriptors.get(number);
    return Errno.ROFS;
  }

  function setRights(number: number, rights: bigint, inheriting: bigint): void {
    const descriptor = descriptors.get(number);
    const asked = { rights: BigInt.asUintN(64, rights), inheriting: BigInt.asUintN(64, inheriting) };
    if (asked.rights & ~descriptor.rights || asked.inheriting & ~descriptor.inheriting)
      fail(Errno.NOTCAPABLE);
    Object.assign(descriptor, asked);
  }

  return {
    fd_advise: (number: number) => void descriptors.get(number),
    fd_allocate: refuseChange,
    fd_close: (number: number) => descriptors.close(number),
    fd_datasync: (number: number) => void descriptors.get(number),
    fd_sync: (number: number) => void descriptors.get(number),
    fd_fdstat_get: (number: number, pointer: number) => {
      const { kind, rights, inheriting } = descriptors.get(number);
      const view = memory.view(pointer, Size.fdstat);
      view.setUint16(0, fileTypeOf(kind), true);
      view.setUint32(2, 0, true);
      view.setUint16(6, 0, true);
      view.setBigUint64(8, rights, true);
      view.setBigUint64(16, inheriting, true);
    },
    // Appending and blocking change nothing about streams and read-only files, so accepting them is true.
    fd_fdstat_set_flags: (number: number) => void descriptors.get(number),
    fd_fdstat_set_rights: setRights,
    fd_filestat_get: (number: number, pointer: number) => {
      const descriptor = descriptors.get(number, Right.fdFilestatGet);
      writeFilestat(memory.view(pointer, Size.filestat), statOf(descriptor));
    },
    fd_filestat_set_size: refuseChange,
    fd_filestat_set_times: refuseChange,
    fd_prestat_get: (number: number, pointer: number) => {
      const name = preopenName(number);
      const view = memory.view(pointer, Size.prestat);
      view.setUint32(0, PREOPEN_TYPE_DIRECTORY, true);
      view.setUint32(4, name.length, true);
    },
    fd_prestat_dir_name: (number: number, pointer: number, length: number) => {
      const name = preopenName(number);
      if (length >>> 0 < name.length) fail(Errno.NAMETOOLONG);
      memory.bytes(pointer, name.length).set(name);
    },
    fd_readdir: (number: number, pointer: number, length: number, cookie: bigint, usedPointer: number) => {
      const { directory } = descriptors.directory(number, Right.fdReaddir);
      const target = memory.bytes(pointer, length);
      const used = readDirectory(directory, BigInt.asUintN(64, cookie), target);
      host.chargeBytes(used);
      memory.setU32(usedPointer, used);
    },
    fd_renumber: (from: number, to: number) => descriptors.renumber(from, to),
  };
}

function statOf(descriptor: Descriptor): { inode: bigint; fileType: number; size: number } {
  const fileType = fileTypeOf(descriptor.kind);
  if (descriptor.kind === 'directory') return { inode: descriptor.directory.inode, fileType, size: 0 };
  if (descriptor.kind === 'file') {
    return {
      inode: descriptor.file.inode,
      fileType: FileType.regularFile,
      size: descriptor.file.bytes.length,
    };
  }
  return { inode: 0n, fileType, size: 0 };
}

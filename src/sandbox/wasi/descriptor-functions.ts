import { ADVICE_MAX, DescriptorFlag, PREOPEN_TYPE_DIRECTORY, Right, Size } from './abi.js';
import { fileTypeOf } from './descriptors.js';
import { Errno, fail } from './errno.js';
import { statOfDescriptor, writeFilestat } from './filestat.js';
import { listDirectory, readDirectory, type Entry } from './read-directory.js';
import type { DirectoryNode } from './tree-nodes.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

const ALL_FLAGS = Object.values(DescriptorFlag).reduce((all, flag) => all | flag, 0);

/** What a guest may ask about a descriptor, and what it may change about the descriptor itself. */
export function descriptorFunctions({ host, memory, descriptors }: WasiContext): WasiFunctions {
  function preopenName(number: number): Buffer {
    const descriptor = descriptors.get(number);
    if (descriptor.kind !== 'directory' || descriptor.preopenName === null) fail(Errno.BADF);
    return Buffer.from(descriptor.preopenName);
  }

  function setRights(number: number, rights: bigint, inheriting: bigint): void {
    const descriptor = descriptors.get(number);
    const asked = { rights: BigInt.asUintN(64, rights), inheriting: BigInt.asUintN(64, inheriting) };
    if (asked.rights & ~descriptor.rights || asked.inheriting & ~descriptor.inheriting)
      fail(Errno.NOTCAPABLE);
    Object.assign(descriptor, asked);
  }

  /** Blocking and syncing change nothing about streams and files in memory, so accepting them is true. */
  function setFlags(number: number, flags: number): void {
    const descriptor = descriptors.get(number);
    if (flags & ~ALL_FLAGS) fail(Errno.INVAL);
    const isWritable = descriptor.kind === 'file' && descriptor.file.tree.isWritable;
    if (isWritable) descriptors.get(number, Right.fdFdstatSetFlags);
    descriptor.flags = flags;
  }

  function readEntries(number: number, pointer: number, length: number, cookie: bigint): number {
    const descriptor = descriptors.directory(number, Right.fdReaddir);
    const target = memory.bytes(pointer, length);
    const first = BigInt.asUintN(64, cookie);
    if (first === 0n) descriptor.listing = null;
    descriptor.listing ??= newListing(descriptor.directory);
    const { used, looked } = readDirectory(descriptor.directory, descriptor.listing, first, target);
    host.chargeItems(looked);
    return used;
  }

  function newListing(directory: DirectoryNode): Entry[] {
    host.chargeItems(directory.entries.size);
    return listDirectory(directory);
  }

  return {
    fd_advise: (number: number, _offset: bigint, _length: bigint, advice: number) => {
      descriptors.get(number);
      if (advice >>> 0 > ADVICE_MAX) fail(Errno.INVAL);
    },
    fd_close: (number: number) => descriptors.close(number),
    fd_datasync: (number: number) => void descriptors.get(number),
    fd_sync: (number: number) => void descriptors.get(number),
    fd_fdstat_get: (number: number, pointer: number) => {
      const { kind, flags, rights, inheriting } = descriptors.get(number);
      const view = memory.view(pointer, Size.fdstat);
      // The second byte and the four after the flags are padding.
      view.setUint16(0, fileTypeOf(kind), true);
      view.setUint16(2, flags, true);
      view.setUint32(4, 0, true);
      view.setBigUint64(8, rights, true);
      view.setBigUint64(16, inheriting, true);
    },
    fd_fdstat_set_flags: setFlags,
    fd_fdstat_set_rights: setRights,
    fd_filestat_get: (number: number, pointer: number) => {
      const descriptor = descriptors.get(number, Right.fdFilestatGet);
      writeFilestat(memory.view(pointer, Size.filestat), statOfDescriptor(descriptor));
    },
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
      const used = readEntries(number, pointer, length, cookie);
      host.chargeBytes(used);
      memory.setU32(usedPointer, used);
    },
    fd_renumber: (from: number, to: number) => descriptors.renumber(from, to),
  };
}

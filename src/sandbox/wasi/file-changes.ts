import { Right } from './abi.js';
import type { Descriptor } from './descriptors.js';
import { Errno, fail } from './errno.js';
import { setTimes } from './set-times.js';
import type { FileNode } from './tree-nodes.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

/** Sizes and times of what is open. */
export function fileChanges({ host, descriptors, clock }: WasiContext): WasiFunctions {
  /** `noFile` is what POSIX says of a descriptor that is none of a file. */
  function writableFile(
    number: number,
    right: bigint,
    noFile: typeof Errno.BADF | typeof Errno.INVAL,
  ): FileNode {
    const descriptor = descriptors.get(number);
    assertChangeable(descriptor);
    if (descriptor.kind !== 'file') fail(noFile);
    descriptors.get(number, right);
    return descriptor.file;
  }

  function resize(file: FileNode, size: bigint): void {
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) fail(Errno.FBIG);
    host.chargeBytes(Math.max(0, Math.min(Number(size) - file.size, file.tree.freeBytes)));
    file.tree.resize(file, Number(size), clock.realtimeNs);
  }

  return {
    fd_allocate: (number: number, offset: bigint, length: bigint) => {
      const file = writableFile(number, Right.fdAllocate, Errno.BADF);
      if (length === 0n) fail(Errno.INVAL);
      const end = BigInt.asUintN(64, offset) + BigInt.asUintN(64, length);
      if (end > BigInt(file.size)) resize(file, end);
    },
    fd_filestat_set_size: (number: number, size: bigint) =>
      resize(writableFile(number, Right.fdFilestatSetSize, Errno.INVAL), BigInt.asUintN(64, size)),
    fd_filestat_set_times: (number: number, accessedNs: bigint, modifiedNs: bigint, flags: number) => {
      const descriptor = descriptors.get(number);
      assertChangeable(descriptor);
      if (descriptor.kind !== 'file' && descriptor.kind !== 'directory') fail(Errno.NOTCAPABLE);
      descriptors.get(number, Right.fdFilestatSetTimes);
      const node = descriptor.kind === 'file' ? descriptor.file : descriptor.directory;
      setTimes(node, { accessedNs, modifiedNs, flags }, clock.realtimeNs);
    },
  };
}

function assertChangeable(descriptor: Descriptor): void {
  const { kind } = descriptor;
  const node = kind === 'file' ? descriptor.file : kind === 'directory' ? descriptor.directory : null;
  if (node?.tree.isWritable === false) fail(Errno.ROFS);
}

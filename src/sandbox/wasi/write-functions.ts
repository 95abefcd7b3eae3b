import { DescriptorFlag, Right } from './abi.js';
import { Errno, fail } from './errno.js';
import { totalLength } from './guest-memory.js';
import { vectorReader } from './guest-vectors.js';
import type { FileNode } from './tree-nodes.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

/** Writing to the streams, and to files that may be written. */
export function writeFunctions({ host, memory, descriptors, clock }: WasiContext): WasiFunctions {
  const vectors = vectorReader({ host, memory });

  function writeStream(kind: 'stdout' | 'stderr', list: number, count: number, sizePointer: number): void {
    const buffers = vectors(list, count);
    const size = totalLength(buffers);
    host.chargeBytes(size);
    memory.setU32(sizePointer, size);
    for (const buffer of buffers) {
      if (kind === 'stderr') host.output.writeLog(buffer);
      else if (!host.output.writeOutput(buffer)) host.stop({ kind: 'output' });
    }
    host.flushIfDue();
  }

  /** Writes what fits into the tree; where nothing fits, there is no space left. A gap before it becomes zeros. */
  function writeFile(
    file: FileNode,
    offset: number,
    list: number,
    count: number,
    sizePointer: number,
  ): number {
    const buffers = vectors(list, count);
    const asked = totalLength(buffers);
    const size = Math.min(asked, Math.max(0, file.size + file.tree.freeBytes - offset));
    if (asked > 0 && size === 0) fail(Errno.NOSPC);
    const gap = Math.max(0, offset - file.size);
    host.chargeBytes(asked === 0 ? 0 : size + gap);
    memory.setU32(sizePointer, size);
    if (asked === 0) return 0;
    file.tree.resize(file, Math.max(file.size, offset + size), clock.realtimeNs);
    gather(buffers, file.bytes.subarray(offset, offset + size));
    return size;
  }

  function write(number: number, list: number, count: number, sizePointer: number): void {
    const descriptor = descriptors.get(number);
    if (descriptor.kind === 'stdout' || descriptor.kind === 'stderr')
      return writeStream(descriptor.kind, list, count, sizePointer);
    if (descriptor.kind !== 'file') fail(descriptor.kind === 'directory' ? Errno.ISDIR : Errno.BADF);
    const { file } = descriptor;
    if (!file.tree.isWritable) fail(Errno.BADF);
    descriptors.get(number, Right.fdWrite);
    const start = descriptor.flags & DescriptorFlag.append ? file.size : descriptor.position;
    descriptor.position = start + writeFile(file, start, list, count, sizePointer);
    return undefined;
  }

  function writeAt(number: number, list: number, count: number, offset: bigint, sizePointer: number): void {
    const descriptor = descriptors.get(number);
    if (descriptor.kind === 'stdout' || descriptor.kind === 'stderr') fail(Errno.SPIPE);
    if (descriptor.kind !== 'file') fail(Errno.BADF);
    const { file } = descriptor;
    if (!file.tree.isWritable) fail(Errno.BADF);
    descriptors.get(number, Right.fdWrite | Right.fdSeek);
    writeFile(file, toOffset(offset), list, count, sizePointer);
  }

  return { fd_write: write, fd_pwrite: writeAt };
}

function toOffset(offset: bigint): number {
  const unsigned = BigInt.asUintN(64, offset);
  return unsigned > BigInt(Number.MAX_SAFE_INTEGER) ? fail(Errno.FBIG) : Number(unsigned);
}

/** Fills `target` from the buffers, in their order. */
function gather(buffers: readonly Uint8Array[], target: Uint8Array): void {
  let filled = 0;
  for (const buffer of buffers) {
    const part = buffer.subarray(0, target.length - filled);
    target.set(part, filled);
    filled += part.length;
  }
}

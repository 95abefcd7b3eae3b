import { DescriptorFlag, Right, Whence } from './abi.js';
import type { Descriptor } from './descriptors.js';
import { Errno, fail } from './errno.js';
import { scatter, totalLength } from './guest-memory.js';
import type { FileContent, FileNode } from './tree-nodes.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

type Readable = Descriptor & { kind: 'stdin' | 'file' };
type OpenFile = Descriptor & { kind: 'file' };

/** Reading, writing and seeking. */
export function streamFunctions({ host, memory, descriptors, clock }: WasiContext): WasiFunctions {
  function readable(number: number): Readable {
    const descriptor = descriptors.get(number);
    if (descriptor.kind === 'directory') fail(Errno.ISDIR);
    if (descriptor.kind === 'stdout' || descriptor.kind === 'stderr') fail(Errno.BADF);
    return descriptors.get(number, Right.fdRead) as Readable;
  }

  function seekable(number: number, right: bigint): OpenFile {
    const descriptor = descriptors.get(number);
    if (descriptor.kind === 'directory') fail(Errno.BADF);
    if (descriptor.kind !== 'file') fail(Errno.SPIPE);
    return descriptors.get(number, right) as OpenFile;
  }

  /** The count is written first: bytes must not be taken from a stream that cannot report them. */
  function read(
    source: FileContent,
    offset: number,
    list: number,
    count: number,
    sizePointer: number,
  ): number {
    const buffers = memory.vectors(list, count);
    const size = Math.min(totalLength(buffers), Math.max(0, source.size - offset));
    host.chargeBytes(size);
    memory.setU32(sizePointer, size);
    return scatter(source.bytes.subarray(0, source.size), offset, buffers);
  }

  function writeStream(kind: 'stdout' | 'stderr', list: number, count: number, sizePointer: number): void {
    const buffers = memory.vectors(list, count);
    const size = totalLength(buffers);
    host.chargeBytes(size);
    memory.setU32(sizePointer, size);
    for (const buffer of buffers) {
      if (kind === 'stderr') host.output.writeLog(buffer);
      else if (!host.output.writeOutput(buffer)) host.stop({ kind: 'output' });
    }
  }

  /** Writes what fits into the tree; where nothing fits, there is no space left. A gap before it becomes zeros. */
  function writeFile(
    file: FileNode,
    offset: number,
    list: number,
    count: number,
    sizePointer: number,
  ): number {
    const buffers = memory.vectors(list, count);
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
    const { kind } = descriptors.get(number);
    if (kind === 'stdout' || kind === 'stderr') fail(Errno.SPIPE);
    if (kind !== 'file') fail(Errno.BADF);
    const { file } = seekable(number, 0n);
    if (!file.tree.isWritable) fail(Errno.BADF);
    seekable(number, Right.fdWrite | Right.fdSeek);
    writeFile(file, toOffset(offset), list, count, sizePointer);
  }

  function seek(number: number, delta: bigint, whence: number, positionPointer: number): void {
    // Asking where one stands is `fd_tell`, and C libraries ask this way.
    const isQuestion = delta === 0n && whence === Whence.current;
    const source = seekable(number, 0n);
    const right = isQuestion && source.rights & Right.fdTell ? Right.fdTell : Right.fdSeek;
    seekable(number, right);
    const target = originOf(source, whence) + delta;
    if (target < 0n || target > BigInt(Number.MAX_SAFE_INTEGER)) fail(Errno.INVAL);
    memory.setU64(positionPointer, target);
    source.position = Number(target);
  }

  return {
    fd_read: (number: number, list: number, count: number, sizePointer: number) => {
      const source = readable(number);
      source.position += read(source.file, source.position, list, count, sizePointer);
    },
    fd_pread: (number: number, list: number, count: number, offset: bigint, sizePointer: number) => {
      const source = seekable(number, Right.fdRead | Right.fdSeek);
      read(source.file, Number(BigInt.asUintN(64, offset)), list, count, sizePointer);
    },
    fd_write: write,
    fd_pwrite: writeAt,
    fd_seek: seek,
    fd_tell: (number: number, positionPointer: number) =>
      memory.setU64(positionPointer, BigInt(seekable(number, Right.fdTell).position)),
  };
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

function originOf(source: OpenFile, whence: number): bigint {
  switch (whence) {
    case Whence.start:
      return 0n;
    case Whence.current:
      return BigInt(source.position);
    case Whence.end:
      return BigInt(source.file.size);
    default:
      return fail(Errno.INVAL);
  }
}

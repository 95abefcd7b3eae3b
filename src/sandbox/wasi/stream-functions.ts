import { Right, Whence } from './abi.js';
import type { Descriptor } from './descriptors.js';
import { Errno, fail } from './errno.js';
import { scatter, totalLength } from './guest-memory.js';
import { vectorReader } from './guest-vectors.js';
import type { FileContent } from './tree-nodes.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

type Readable = Descriptor & { kind: 'stdin' | 'file' };
type OpenFile = Descriptor & { kind: 'file' };

/** Reading and seeking. */
export function streamFunctions({ host, memory, descriptors }: WasiContext): WasiFunctions {
  const vectors = vectorReader({ host, memory });

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
    const buffers = vectors(list, count);
    const size = Math.min(totalLength(buffers), Math.max(0, source.size - offset));
    host.chargeBytes(size);
    memory.setU32(sizePointer, size);
    return scatter(source.bytes.subarray(0, source.size), offset, buffers);
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
    fd_seek: seek,
    fd_tell: (number: number, positionPointer: number) =>
      memory.setU64(positionPointer, BigInt(seekable(number, Right.fdTell).position)),
  };
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

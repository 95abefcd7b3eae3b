import { Right, Whence } from './abi.js';
import type { Descriptor } from './descriptors.js';
import { Errno, fail } from './errno.js';
import { scatter, totalLength } from './guest-memory.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

type Readable = Descriptor & { kind: 'stdin' | 'file' };

/** Reading, writing and seeking. */
export function streamFunctions({ host, memory, descriptors }: WasiContext): WasiFunctions {
  function readable(number: number): Readable {
    const descriptor = descriptors.get(number);
    if (descriptor.kind === 'directory') fail(Errno.ISDIR);
    if (descriptor.kind === 'stdout' || descriptor.kind === 'stderr') fail(Errno.BADF);
    return descriptors.get(number, Right.fdRead) as Readable;
  }

  function seekable(number: number, right: bigint): Readable {
    const descriptor = descriptors.get(number);
    if (descriptor.kind === 'directory') fail(Errno.BADF);
    if (descriptor.kind !== 'file') fail(Errno.SPIPE);
    return descriptors.get(number, right) as Readable;
  }

  /** The count is written first: bytes must not be taken from a stream that cannot report them. */
  function read(source: Readable, offset: number, list: number, count: number, sizePointer: number): number {
    const buffers = memory.vectors(list, count);
    const size = Math.min(totalLength(buffers), Math.max(0, source.file.bytes.length - offset));
    host.chargeBytes(size);
    memory.setU32(sizePointer, size);
    return scatter(source.file.bytes, offset, buffers);
  }

  function write(number: number, list: number, count: number, sizePointer: number): void {
    const { kind } = descriptors.get(number);
    if (kind !== 'stdout' && kind !== 'stderr') fail(kind === 'directory' ? Errno.ISDIR : Errno.BADF);
    const buffers = memory.vectors(list, count);
    const size = totalLength(buffers);
    host.chargeBytes(size);
    memory.setU32(sizePointer, size);
    for (const buffer of buffers) {
      if (kind === 'stderr') host.output.writeLog(buffer);
      else if (!host.output.writeOutput(buffer)) host.stop({ kind: 'output' });
    }
  }

  return {
    fd_read: (number: number, list: number, count: number, sizePointer: number) => {
      const source = readable(number);
      source.position += read(source, source.position, list, count, sizePointer);
    },
    fd_pread: (number: number, list: number, count: number, offset: bigint, sizePointer: number) => {
      const source = seekable(number, Right.fdRead | Right.fdSeek);
      read(source, Number(BigInt.asUintN(64, offset)), list, count, sizePointer);
    },
    fd_write: write,
    fd_pwrite: (number: number) => {
      const { kind } = descriptors.get(number);
      return kind === 'stdout' || kind === 'stderr' ? Errno.SPIPE : Errno.BADF;
    },
    fd_seek: (number: number, delta: bigint, whence: number, positionPointer: number) => {
      const source = seekable(number, Right.fdSeek);
      const target = originOf(source, whence) + delta;
      if (target < 0n || target > BigInt(Number.MAX_SAFE_INTEGER)) fail(Errno.INVAL);
      memory.setU64(positionPointer, target);
      source.position = Number(target);
    },
    fd_tell: (number: number, positionPointer: number) =>
      memory.setU64(positionPointer, BigInt(seekable(number, Right.fdTell).position)),
  };
}

function originOf(source: Readable, whence: number): bigint {
  switch (whence) {
    case Whence.start:
      return 0n;
    case Whence.current:
      return BigInt(source.position);
    case Whence.end:
      return BigInt(source.file.bytes.length);
    default:
      return fail(Errno.INVAL);
  }
}

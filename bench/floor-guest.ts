import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('../../spells/word-count/spell.wasm', import.meta.url));

export async function compileFloorGuest(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(MODULE));
}

/** Just enough of WASI for a program that reads stdin and writes stdout. */
export function runFloorGuest(module: WebAssembly.Module, input: Buffer): Buffer {
  const output: Buffer[] = [];
  let left = input;
  const io = (iovecs: number, count: number, sizeAt: number, move: (bytes: Buffer) => number): number => {
    const memory = Buffer.from((instance.exports['memory'] as WebAssembly.Memory).buffer);
    let moved = 0;
    for (let i = 0; i < count; i++) {
      const at = memory.readUInt32LE(iovecs + 8 * i);
      moved += move(memory.subarray(at, at + memory.readUInt32LE(iovecs + 8 * i + 4)));
    }
    memory.writeUInt32LE(moved, sizeAt);
    return 0;
  };
  const read = (bytes: Buffer) => {
    const size = left.copy(bytes);
    left = left.subarray(size);
    return size;
  };
  const write = (bytes: Buffer) => output.push(Buffer.from(bytes)) && bytes.length;
  const none = (countAt: number, sizeAt: number) => {
    const memory = Buffer.from((instance.exports['memory'] as WebAssembly.Memory).buffer);
    memory.writeUInt32LE(0, countAt);
    memory.writeUInt32LE(0, sizeAt);
    return 0;
  };
  const instance: WebAssembly.Instance = new WebAssembly.Instance(module, {
    wasi_snapshot_preview1: {
      fd_read: (_fd: number, iovecs: number, count: number, sizeAt: number) =>
        io(iovecs, count, sizeAt, read),
      fd_write: (fd: number, iovecs: number, count: number, sizeAt: number) =>
        io(iovecs, count, sizeAt, fd === 1 ? write : (bytes) => bytes.length),
      environ_sizes_get: none,
      environ_get: () => 0,
      proc_exit: () => {
        throw new Error('exit');
      },
    },
  });
  (instance.exports['_start'] as () => void)();
  return Buffer.concat(output);
}

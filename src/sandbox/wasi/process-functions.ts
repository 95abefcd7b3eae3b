import { Errno } from './errno.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

/** Arguments, environment, exit. */
export function processFunctions({ request, host, memory }: WasiContext): WasiFunctions {
  const args = request.args.map(terminated);
  const environment = Object.entries(request.env).map(([name, value]) => terminated(`${name}=${value}`));

  function writeSizes(strings: Buffer[], countPointer: number, bytesPointer: number): void {
    memory.setU32(countPointer, strings.length);
    memory.setU32(bytesPointer, Buffer.concat(strings).length);
  }

  function writeStrings(strings: Buffer[], listPointer: number, bytesPointer: number): void {
    const bytes = Buffer.concat(strings);
    host.chargeBytes(bytes.length);
    memory.bytes(bytesPointer, bytes.length).set(bytes);
    const list = memory.view(listPointer, strings.length * 4);
    let address = bytesPointer;
    for (const [index, string] of strings.entries()) {
      list.setUint32(index * 4, address, true);
      address += string.length;
    }
  }

  return {
    args_get: (list: number, bytes: number) => writeStrings(args, list, bytes),
    args_sizes_get: (count: number, bytes: number) => writeSizes(args, count, bytes),
    environ_get: (list: number, bytes: number) => writeStrings(environment, list, bytes),
    environ_sizes_get: (count: number, bytes: number) => writeSizes(environment, count, bytes),
    proc_exit: (exitCode: number) => host.stop({ kind: 'exit', exitCode: exitCode >>> 0 }),
    proc_raise: () => Errno.NOSYS,
    sched_yield: () => Errno.SUCCESS,
  };
}

function terminated(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

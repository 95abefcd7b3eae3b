import { Errno } from './errno.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

/** Arguments, environment, exit. */
export function processFunctions({ request, host, memory }: WasiContext): WasiFunctions {
  const args = stringsOf(request.args);
  const environment = stringsOf(Object.entries(request.env).map(([name, value]) => `${name}=${value}`));

  function writeSizes({ strings, bytes }: Strings, countPointer: number, bytesPointer: number): void {
    memory.setU32(countPointer, strings.length);
    memory.setU32(bytesPointer, bytes.length);
  }

  function writeStrings({ strings, bytes }: Strings, listPointer: number, bytesPointer: number): void {
    host.chargeBytes(bytes.length);
    host.chargeItems(strings.length);
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

/** Put together once: a guest may ask for their sizes as often as it likes. */
interface Strings {
  strings: readonly Buffer[];
  bytes: Buffer;
}

function stringsOf(texts: readonly string[]): Strings {
  const strings = texts.map((text) => Buffer.from(`${text}\0`));
  return { strings, bytes: Buffer.concat(strings) };
}

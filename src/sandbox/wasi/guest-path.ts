import { decodePath } from './paths.js';
import type { WasiContext } from './wasi-context.js';

/** How host functions get the paths they are called with: bounded, charged, decoded. */
export type ReadPath = (pointer: number, length: number) => string;

export function pathReader({ host, memory }: WasiContext): ReadPath {
  return (pointer, length) => {
    host.chargeBytes(length >>> 0);
    return decodePath(memory.bytes(pointer, length));
  };
}

import { MAX_PATH_BYTES } from '../sandbox-limits.js';
import { decodePath } from './paths.js';
import type { WasiContext } from './wasi-context.js';

/** How host functions get the paths they are called with: bounded, charged, decoded. */
export type ReadPath = (pointer: number, length: number) => string;

export function pathReader({ host, memory }: WasiContext): ReadPath {
  return (pointer, length) => {
    const bytes = memory.bytes(pointer, length);
    // What is longer is refused unread.
    host.chargeBytes(Math.min(bytes.length, MAX_PATH_BYTES));
    return decodePath(bytes);
  };
}

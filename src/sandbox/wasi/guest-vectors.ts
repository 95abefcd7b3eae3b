import { MAX_IOVECS } from '../sandbox-limits.js';
import type { WasiContext } from './wasi-context.js';

/** How host functions get the buffers of a list they are called with: bounded, charged for each, checked. */
export type ReadVectors = (list: number, count: number) => Uint8Array[];

export function vectorReader({ host, memory }: Pick<WasiContext, 'host' | 'memory'>): ReadVectors {
  return (list, count) => {
    // What is longer is refused unread.
    host.chargeItems(Math.min(count >>> 0, MAX_IOVECS));
    return memory.vectors(list, count);
  };
}

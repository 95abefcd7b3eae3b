import { MAX_PATH_BYTES } from '../sandbox-limits.js';
import { decodePath, type OnFollow } from './paths.js';
import type { WasiContext } from './wasi-context.js';

/** How host functions get the paths they are called with: bounded, charged, decoded. */
export type ReadPath = (pointer: number, length: number) => string;

export function pathReader({ host, memory }: WasiContext): ReadPath {
  return (pointer, length) => {
    const bytes = memory.bytes(pointer, length);
    // What is longer is refused unread.
    host.chargeBytes(Math.min(bytes.length, MAX_PATH_BYTES));
    const path = decodePath(bytes);
    host.chargeItems(namesIn(path));
    return path;
  };
}

/** What charges for a link that is followed on the way. */
export function linkFollower({ host }: WasiContext): OnFollow {
  return (target) => host.chargeItems(namesIn(target));
}

/** Also empty ones and dots: each is looked at. */
function namesIn(path: string): number {
  return path.split('/').length;
}

import { MAX_IOVECS } from '../sandbox-limits.js';
import type { WasmMemory } from '../webassembly.js';
import { Size } from './abi.js';
import { Errno, fail } from './errno.js';

/** Bounds-checked access to a guest's memory: a bad pointer is EFAULT. */
export class GuestMemory {
  readonly #memory: WasmMemory | null;

  constructor(memory: WasmMemory | null) {
    this.#memory = memory;
  }

  /** A view that is valid until the guest runs again: growing moves its memory. */
  bytes(pointer: number, length: number): Uint8Array {
    const start = pointer >>> 0;
    const count = length >>> 0;
    const buffer = this.#memory?.buffer;
    if (buffer === undefined || start + count > buffer.byteLength) fail(Errno.FAULT);
    return new Uint8Array(buffer, start, count);
  }

  /** A view for fixed layouts. */
  view(pointer: number, length: number): DataView {
    const bytes = this.bytes(pointer, length);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  setU32(pointer: number, value: number): void {
    this.view(pointer, 4).setUint32(0, value, true);
  }

  setU64(pointer: number, value: bigint): void {
    this.view(pointer, 8).setBigUint64(0, BigInt.asUintN(64, value), true);
  }

  /** The buffers an iovec list names, all checked before any is used. */
  vectors(pointer: number, count: number): Uint8Array[] {
    if (count >>> 0 > MAX_IOVECS) fail(Errno.INVAL);
    const list = this.view(pointer, (count >>> 0) * Size.iovec);
    const buffers: Uint8Array[] = [];
    for (let offset = 0; offset < list.byteLength; offset += Size.iovec) {
      buffers.push(this.bytes(list.getUint32(offset, true), list.getUint32(offset + 4, true)));
    }
    return buffers;
  }
}

export function totalLength(buffers: readonly Uint8Array[]): number {
  return buffers.reduce((total, buffer) => total + buffer.length, 0);
}

/** Fills the buffers from `source`, starting at `offset`; returns how many bytes that were. */
export function scatter(source: Uint8Array, offset: number, buffers: readonly Uint8Array[]): number {
  let position = Math.min(offset, source.length);
  for (const buffer of buffers) {
    const part = source.subarray(position, position + buffer.length);
    buffer.set(part);
    position += part.length;
  }
  return position - Math.min(offset, source.length);
}

import { REUSED_MEMORY_BYTES_MAX, WASM_PAGE_BYTES } from '../sandbox-limits.js';
import { Wasm, type WasmMemory } from '../webassembly.js';

interface Held {
  memory: WasmMemory;
  initialPages: number;
  maximumPages: number;
}

/**
 * Gives every guest a memory of zeros. One that has not grown is wiped when its guest has ended, and given to the next
 * guest that starts with as much and may grow as far: to a guest that is the same as a new one. A new one for each cast
 * costs as much as a short cast itself, above all in garbage collections.
 */
export class GuestMemories {
  #inUse: Held | null = null;
  #spare: Held | null = null;

  take(initialPages: number, maximumPages: number): WasmMemory {
    const spare = this.#spare;
    const fits = spare?.initialPages === initialPages && spare.maximumPages === maximumPages;
    this.#spare = null;
    this.#inUse =
      spare !== null && fits
        ? spare
        : {
            memory: new Wasm.Memory({ initial: initialPages, maximum: maximumPages }),
            initialPages,
            maximumPages,
          };
    return this.#inUse.memory;
  }

  /** The guest has ended, and nothing of it will run again. Answers how much memory is left to be collected. */
  wipe(): number {
    const held = this.#inUse;
    this.#inUse = null;
    if (held === null) return 0;
    const { buffer } = held.memory;
    const hasGrown = buffer.byteLength !== held.initialPages * WASM_PAGE_BYTES;
    if (hasGrown || buffer.byteLength > REUSED_MEMORY_BYTES_MAX) return buffer.byteLength;
    new Uint8Array(buffer).fill(0);
    this.#spare = held;
    return 0;
  }
}

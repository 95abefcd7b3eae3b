import { getHeapStatistics } from 'node:v8';
import { COLLECT_AFTER_BYTES } from '../sandbox-limits.js';

type Collect = (options?: { type: 'minor' }) => void;

/** Exposed by the flag --expose-gc the pool starts this process with. */
const collect = (globalThis as { gc?: Collect }).gc;

/**
 * Memory of guests that have ended and that no other can use. V8 feels its weight late; left alone it could pile up to the
 * process' limit. A collection of the young generation costs a tenth of a whole one, which is made only when that left
 * too much.
 */
export class DeadMemory {
  #deadBytes = 0;
  #heldAfterWholeBytes = heldBytes();

  add(bytes: number): void {
    this.#deadBytes += bytes;
    if (this.#deadBytes < COLLECT_AFTER_BYTES) return;
    this.#deadBytes = 0;
    collect?.({ type: 'minor' });
    if (heldBytes() - this.#heldAfterWholeBytes < COLLECT_AFTER_BYTES) return;
    collect?.();
    this.#heldAfterWholeBytes = heldBytes();
  }
}

/** Guests' memories and whatever else V8 knows to lie outside of its heap. */
function heldBytes(): number {
  return getHeapStatistics().external_memory;
}

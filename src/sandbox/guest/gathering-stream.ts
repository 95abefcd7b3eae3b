import { GATHER_BYTES, MAX_CHUNK_BYTES } from '../sandbox-limits.js';

/** Gathers small writes of one stream; large ones go straight through. */
export class GatheringStream {
  readonly #send: (bytes: Uint8Array) => void;
  // Made with the first byte: most guests write to one of their two streams only.
  #buffer: Uint8Array | null = null;
  #filled = 0;

  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
  }

  get isEmpty(): boolean {
    return this.#filled === 0;
  }

  write(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > GATHER_BYTES) this.flush();
    if (bytes.length > GATHER_BYTES) return this.#sendInChunks(bytes);
    this.#buffer ??= new Uint8Array(GATHER_BYTES);
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  flush(): void {
    if (this.#filled === 0 || this.#buffer === null) return;
    const filled = this.#filled;
    this.#filled = 0;
    this.#send(this.#buffer.subarray(0, filled));
  }

  #sendInChunks(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += MAX_CHUNK_BYTES) {
      this.#send(bytes.subarray(start, start + MAX_CHUNK_BYTES));
    }
  }
}

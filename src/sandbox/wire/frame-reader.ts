import { MAX_FRAME_BYTES } from '../sandbox-limits.js';

/** type (1 byte) and payload length (4 bytes, little endian). */
export const FRAME_HEADER_BYTES = 5;

/**
 * Cuts the byte stream of a sandbox process into frames. Nothing about the stream is believed: a process
 * whose guest broke out could write anything.
 */
export class FrameReader {
  readonly #onFrame: (type: number, payload: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onFrame: (type: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** Throws when the stream cannot be one of ours. */
  push(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= FRAME_HEADER_BYTES) {
      const length = bytes.readUInt32LE(1);
      if (length > MAX_FRAME_BYTES) throw new Error(`a frame of ${length} bytes`);
      const end = FRAME_HEADER_BYTES + length;
      if (bytes.length < end) break;
      this.#onFrame(bytes.readUInt8(0), bytes.subarray(FRAME_HEADER_BYTES, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }
}

import { Buffer } from 'node:buffer';

/** Encodes and collects the primitive values of the binary format (core specification 5.2). */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  raw(bytes: Uint8Array | readonly number[]): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  u32(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.byte(rest);
  }

  /** Signed LEB128 of a whole number that a double holds exactly; serves i32.const and i64.const alike. */
  signed(value: number): this {
    let rest = value;
    while (rest < -0x40 || rest >= 0x40) {
      this.byte((((rest % 0x80) + 0x80) % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.byte(rest & 0x7f);
  }

  name(text: string): this {
    const encoded = Buffer.from(text, 'utf-8');
    return this.u32(encoded.length).raw(encoded);
  }

  /** A section or a function body: its length, then its bytes. */
  sized(content: ByteWriter): this {
    return this.u32(content.length).raw(content.toBytes());
  }

  /** A view of what was written; writing on may move it. */
  toBytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

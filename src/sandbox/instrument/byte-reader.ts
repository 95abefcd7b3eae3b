import { MalformedModule } from './module-problem.js';

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Reads the primitive values of the binary format (core specification 5.2) between two offsets.
 * LEB128 numbers may be padded with continuation bytes, as wasm-ld does for everything it relocates.
 */
export class ByteReader {
  constructor(
    readonly bytes: Uint8Array,
    public position = 0,
    readonly end = bytes.length,
  ) {}

  get done(): boolean {
    return this.position >= this.end;
  }

  byte(): number {
    if (this.position >= this.end) throw new MalformedModule('unexpected end', this.position);
    return this.bytes[this.position++] as number;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new MalformedModule('a number longer than 32 bits', this.position);
  }

  /** Block types and heap types are signed 33-bit numbers; only their sign and small values matter here. */
  s33(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return byte & 0x40 ? value - 2 ** (shift + 7) : value;
    }
    throw new MalformedModule('a number longer than 33 bits', this.position);
  }

  /** Passes over a LEB128 number of up to 64 bits without decoding it. */
  skipNumber(): void {
    for (let length = 0; length < 10; length++) if (this.byte() < 0x80) return;
    throw new MalformedModule('a number longer than 64 bits', this.position);
  }

  skip(length: number): void {
    if (length > this.end - this.position) throw new MalformedModule('unexpected end', this.position);
    this.position += length;
  }

  /** A reader for the next `length` bytes, which this reader passes over. */
  slice(length: number): ByteReader {
    const start = this.position;
    this.skip(length);
    return new ByteReader(this.bytes, start, start + length);
  }

  name(): string {
    const text = this.slice(this.u32());
    return textDecoder.decode(text.bytes.subarray(text.position, text.end));
  }
}

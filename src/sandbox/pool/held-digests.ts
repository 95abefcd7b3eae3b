/** What one thing that a process holds is made of. */
interface HeldSize {
  bytes: number;
  files: number;
}

/** What one process holds of a kind, by digest, least recently used first. */
export class HeldDigests {
  readonly #maxBytes: number;
  readonly #sizes = new Map<string, HeldSize>();
  #totalBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  has(digest: string): boolean {
    return this.#sizes.has(digest);
  }

  sizeOf(digest: string): HeldSize | undefined {
    return this.#sizes.get(digest);
  }

  touch(digest: string): void {
    const size = this.#sizes.get(digest);
    if (size === undefined) return;
    this.#sizes.delete(digest);
    this.#sizes.set(digest, size);
  }

  /** Notes a new one and returns those that must go to make room; the new one itself always stays. */
  add(digest: string, bytes: number, files = 1): string[] {
    const dropped: string[] = [];
    for (const [oldest, size] of this.#sizes) {
      if (this.#totalBytes + bytes <= this.#maxBytes) break;
      this.#sizes.delete(oldest);
      this.#totalBytes -= size.bytes;
      dropped.push(oldest);
    }
    this.#sizes.set(digest, { bytes, files });
    this.#totalBytes += bytes;
    return dropped;
  }
}

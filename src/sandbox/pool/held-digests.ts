/** What one process holds of a kind, by digest, least recently used first. */
export class HeldDigests {
  readonly #maxBytes: number;
  readonly #sizes = new Map<string, number>();
  #totalBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  has(digest: string): boolean {
    return this.#sizes.has(digest);
  }

  touch(digest: string): void {
    const bytes = this.#sizes.get(digest);
    if (bytes === undefined) return;
    this.#sizes.delete(digest);
    this.#sizes.set(digest, bytes);
  }

  /** Notes a new one and returns those that must go to make room; the new one itself always stays. */
  add(digest: string, bytes: number): string[] {
    const dropped: string[] = [];
    for (const [oldest, size] of this.#sizes) {
      if (this.#totalBytes + bytes <= this.#maxBytes) break;
      this.#sizes.delete(oldest);
      this.#totalBytes -= size;
      dropped.push(oldest);
    }
    this.#sizes.set(digest, bytes);
    this.#totalBytes += bytes;
    return dropped;
  }
}

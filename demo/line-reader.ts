/** Guests write in pieces; people read lines. */
export class LineReader {
  pieces = 0;
  #rest = '';
  readonly #tell: (line: string) => void;

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  take(text: string): void {
    this.pieces += 1;
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    lines.forEach((line) => this.#tell(line));
  }
}

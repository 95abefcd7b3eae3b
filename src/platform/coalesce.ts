import { AppError } from './errors.js';

interface CoalescerOptions<Item, Answer> {
  /** Does the work of all items at once: whole or not at all. Answers them in their order. */
  runBatch: (items: Item[]) => Promise<Answer[]>;
  itemsMax: number;
  /** A batch with more than one item has at most this many bytes. */
  bytesMax: number;
  bytesOf: (item: Item) => number;
  /** Batches on their way at the same time. */
  batchesMax: number;
  /**
   * While many call, so much time lies between two batches, and more the longer a batch takes, up to `mostMs`: the
   * price of a batch is then shared by those of this time.
   */
  spacing?: { leastMs: number; mostMs: number };
  /** Callers beyond this are sent away with UNAVAILABLE: they would wait longer than anyone wants to. */
  waitingMax: number;
  /** Is this the error of one item, and is it certain that nothing was done? */
  isItemsFault: (error: unknown) => boolean;
}

interface Waiting<Item, Answer> {
  item: Item;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

// A batch that takes longer is a sign of load; gathering so much longer than it takes leaves the other side free for
// the other stops of a cast.
const SPACING_PER_BATCH = 3;
const NO_SPACING = { leastMs: 0, mostMs: 0 };

/**
 * Turns many callers at the same moment into few batches, each caller still getting its own answer or error. An idle
 * coalescer does not wait: what has arrived in this turn of the event loop leaves at its end. While batches are on
 * their way new callers gather, so the busier it is, the larger the batches (group commit).
 */
export class Coalescer<Item, Answer> {
  readonly #options: CoalescerOptions<Item, Answer>;
  #waiting: Waiting<Item, Answer>[] = [];
  #batches = 0;
  #due: NodeJS.Immediate | NodeJS.Timeout | null = null;
  // When the next batch may leave; a batch of one shows that few call, and holds nobody up.
  #nextAtMs = 0;

  constructor(options: CoalescerOptions<Item, Answer>) {
    this.#options = options;
  }

  submit(item: Item): Promise<Answer> {
    if (this.#waiting.length >= this.#options.waitingMax)
      return Promise.reject(new AppError('UNAVAILABLE', 'too much is waiting, try again'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#departSoon();
    });
  }

  #departSoon(): void {
    if (this.#due !== null || this.#batches >= this.#options.batchesMax || this.#waiting.length === 0) return;
    const depart = () => {
      this.#due = null;
      void this.#depart();
    };
    const waitMs = this.#nextAtMs - performance.now();
    this.#due =
      waitMs > 0 && this.#waiting.length < this.#options.itemsMax
        ? setTimeout(depart, waitMs)
        : setImmediate(depart);
  }

  async #depart(): Promise<void> {
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    this.#batches += 1;
    const leftAtMs = performance.now();
    const { mostMs } = this.#options.spacing ?? NO_SPACING;
    // Nobody passes a batch that is on its way, unless it takes long.
    this.#nextAtMs = batch.length === 1 ? 0 : leftAtMs + mostMs;
    this.#departSoon();
    try {
      await this.#run(batch);
    } finally {
      this.#batches -= 1;
      if (batch.length > 1) this.#nextAtMs = leftAtMs + this.#spacingMs(performance.now() - leftAtMs);
      this.#departAnew();
    }
  }

  /** What was due may be due sooner now. */
  #departAnew(): void {
    if (this.#due !== null) {
      clearTimeout(this.#due as NodeJS.Timeout);
      clearImmediate(this.#due as NodeJS.Immediate);
      this.#due = null;
    }
    this.#departSoon();
  }

  #spacingMs(batchTookMs: number): number {
    const { leastMs, mostMs } = this.#options.spacing ?? NO_SPACING;
    return Math.min(mostMs, Math.max(leastMs, SPACING_PER_BATCH * batchTookMs));
  }

  #takeBatch(): Waiting<Item, Answer>[] {
    const { itemsMax, bytesMax, bytesOf } = this.#options;
    let bytes = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      bytes += bytesOf(item);
      if (count === itemsMax || (count > 0 && bytes > bytesMax)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #run(batch: Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#options.runBatch(batch.map(({ item }) => item));
      if (answers.length !== batch.length)
        throw new Error(`${batch.length} items got ${answers.length} answers`);
      batch.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
    } catch (error) {
      // One bad item must not fail its neighbours: each gets a batch of its own.
      if (batch.length > 1 && this.#options.isItemsFault(error)) {
        for (const waiting of batch) await this.#run([waiting]);
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }
}

import { ApartLanes } from './apart-lanes.js';
import { AppError } from './errors.js';
import { FairQueue } from './fair-queue.js';
import { outsideRequestScope } from './logging.js';
import { runWaiting, type Waiting } from './run-waiting.js';

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
  /** Who takes turns in batches, and can be in the way of its own items only. Without it all are one. */
  groupOf?: (item: Item) => string;
  /** The same as waitingMax, for each group. */
  waitingPerGroupMax?: number;
  /** Is this the error of one item, and is it certain that nothing was done? */
  isItemsFault: (error: unknown) => boolean;
  /** Was somebody else just faster or in the way, and is it certain that nothing was done? Then it is tried again. */
  isLostRace?: (error: unknown) => boolean;
}

// A batch that takes longer is a sign of load; gathering so much longer than it takes leaves the other side free for
// the other stops of a cast.
const SPACING_PER_BATCH = 2;
const NO_SPACING = { leastMs: 0, mostMs: 0 };

/**
 * Turns many callers at the same moment into few batches, each caller still getting its own answer or error. An idle
 * coalescer does not wait: what has arrived in this turn of the event loop leaves at its end. While batches are on
 * their way new callers gather, so the busier it is, the larger the batches (group commit).
 *
 * A group that loses a race travels apart until it wins: in batches of its own, beside those of the others, so that a
 * lock which one group waits for is not waited for by all.
 */
export class Coalescer<Item, Answer> {
  readonly #options: CoalescerOptions<Item, Answer>;
  readonly #queue = new FairQueue<Waiting<Item, Answer>>();
  readonly #apart: ApartLanes<Waiting<Item, Answer>>;
  #batches = 0;
  #due: NodeJS.Immediate | NodeJS.Timeout | null = null;
  // When the next batch may leave; a batch of one shows that few call, and holds nobody up.
  #nextAtMs = 0;

  constructor(options: CoalescerOptions<Item, Answer>) {
    this.#options = options;
    this.#apart = new ApartLanes({
      runBatch: (batch) => runWaiting(options, batch),
      fits: () => this.#fits(),
      // As many as of all others together, so that groups that wait for locks leave connections for the rest.
      batchesMax: options.batchesMax,
      giveBack: (group, waiting) => {
        for (const one of waiting) this.#queue.push(group, one);
        this.#departSoon();
      },
    });
  }

  submit(item: Item): Promise<Answer> {
    const { waitingMax, waitingPerGroupMax = waitingMax } = this.#options;
    const group = this.#groupOf(item);
    const waitingOfGroup = this.#queue.sizeOf(group) + this.#apart.sizeOf(group);
    if (this.#queue.size >= waitingMax || waitingOfGroup >= waitingPerGroupMax)
      return Promise.reject(new AppError('UNAVAILABLE', 'too much is waiting, try again'));
    return new Promise((resolve, reject) => {
      const waiting = { item, resolve, reject, lost: { times: 0, error: null } };
      if (this.#apart.join(group, waiting)) return;
      this.#queue.push(group, waiting);
      this.#departSoon();
    });
  }

  #groupOf(item: Item): string {
    return this.#options.groupOf?.(item) ?? '';
  }

  #departSoon(): void {
    if (this.#due !== null || this.#batches >= this.#options.batchesMax || this.#queue.size === 0) return;
    const depart = () => {
      this.#due = null;
      // A batch is everybody's: what is logged of it is no part of the request that came first.
      void outsideRequestScope(() => this.#depart());
    };
    const waitMs = this.#nextAtMs - performance.now();
    this.#due =
      waitMs > 0 && this.#queue.size < this.#options.itemsMax
        ? setTimeout(depart, waitMs)
        : setImmediate(depart);
  }

  async #depart(): Promise<void> {
    const batch = this.#queue.takeWhile(this.#fits());
    if (batch.length === 0) return;
    this.#batches += 1;
    const leftAtMs = performance.now();
    const { mostMs } = this.#options.spacing ?? NO_SPACING;
    // Nobody passes a batch that is on its way, unless it takes long.
    this.#nextAtMs = batch.length === 1 ? 0 : leftAtMs + mostMs;
    this.#departSoon();
    try {
      this.#setApart(await runWaiting(this.#options, batch));
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

  /** Does one more item fit into the batch? Made anew for each batch. */
  #fits(): (waiting: Waiting<Item, Answer>, taken: number) => boolean {
    const { itemsMax, bytesMax, bytesOf } = this.#options;
    let bytes = 0;
    return ({ item }, taken) => {
      bytes += bytesOf(item);
      return taken < itemsMax && (taken === 0 || bytes <= bytesMax);
    };
  }

  #setApart(losers: Waiting<Item, Answer>[]): void {
    for (const [group, waiting] of Map.groupBy(losers, ({ item }) => this.#groupOf(item)))
      this.#apart.open(group, [...waiting, ...this.#queue.takeAllOf(group)]);
  }
}

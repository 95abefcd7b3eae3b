import { setTimeout as delay } from 'node:timers/promises';

interface LaneItem {
  reject: (error: unknown) => void;
  lost: { times: number; error: unknown };
}

interface ApartOptions<Item> {
  /** Answers those that have to go again. */
  runBatch: (batch: Item[]) => Promise<Item[]>;
  /** Made anew for each batch: does one more fit into it? */
  fits: () => (item: Item, taken: number) => boolean;
  batchesMax: number;
  /** Takes those back that still wait when one of their batches has gone through. */
  giveBack: (group: string, items: Item[]) => void;
}

// A race is over in milliseconds. Whoever has lost so many of them waits for something that does not work now, and is told.
const LOSSES_MAX = 8;
const AGAIN_AFTER_MS = [5, 20, 50];
const AGAIN_AFTER_MOST_MS = 100;

/**
 * Where the groups travel that somebody is in the way of: each in batches of its own, one after the other, until one
 * has gone through.
 */
export class ApartLanes<Item extends LaneItem> {
  readonly #options: ApartOptions<Item>;
  readonly #lanes = new Map<string, Item[]>();
  #batches = 0;

  constructor(options: ApartOptions<Item>) {
    this.#options = options;
  }

  sizeOf(group: string): number {
    return this.#lanes.get(group)?.length ?? 0;
  }

  /** False when the group has no lane. */
  join(group: string, item: Item): boolean {
    const lane = this.#lanes.get(group);
    lane?.push(item);
    return lane !== undefined;
  }

  open(group: string, items: Item[]): void {
    const lane = this.#lanes.get(group);
    if (lane !== undefined) {
      lane.unshift(...items);
      return;
    }
    this.#lanes.set(group, items);
    void this.#travel(group, items);
  }

  async #travel(group: string, lane: Item[]): Promise<void> {
    let isThrough = false;
    while (lane.length > 0 && !isThrough) {
      const losses = lane[0]?.lost.times ?? 0;
      await delay(AGAIN_AFTER_MS[losses - 1] ?? AGAIN_AFTER_MOST_MS);
      if (this.#batches >= this.#options.batchesMax) continue;
      this.#batches += 1;
      const losers = await this.#options.runBatch(this.#take(lane));
      this.#batches -= 1;
      isThrough = losers.length === 0;
      for (const { lost, reject } of losers) if (lost.times >= LOSSES_MAX) reject(lost.error);
      lane.unshift(...losers.filter(({ lost }) => lost.times < LOSSES_MAX));
    }
    this.#lanes.delete(group);
    this.#options.giveBack(group, lane);
  }

  #take(lane: Item[]): Item[] {
    const fits = this.#options.fits();
    const end = lane.findIndex((item, taken) => !fits(item, taken));
    return lane.splice(0, end === -1 ? lane.length : end);
  }
}

// A cast is claimed so long before a sandbox is free for it: enough to claim and settle many in one statement each,
// too little for another worker to have begun it much sooner.
const AHEAD_MS = 40;
// Casts in hand for each sandbox. While one is in the sandbox another is always being claimed or settled.
const LEAST = 2;
const MOST = 24;
// The same for what this process accepts itself: it costs no claim, and going through the queue would take it longer.
const OWN_AHEAD_MS = 100;
const OWN_MOST = 64;
// Long casts show in the mean at once, by their length; one that merely waited for a processor hardly does. Believing each long
// one by half sent every sixth cast of a steady load through the queue.
const WEIGHT_OF_LAST = 0.1;
// What a sandbox needs between two casts that take no time.
const TURNAROUND_MS = 1;

/**
 * How many casts a worker takes in hand: many while they are short, so that claiming and settling happen in batches;
 * few while they are long, so that none waits here that another worker could run.
 */
export class ClaimAhead {
  readonly #sandboxes: number;
  // Long until shown otherwise.
  #castMs = AHEAD_MS;

  constructor(sandboxes: number) {
    this.#sandboxes = sandboxes;
  }

  get castsInHand(): number {
    return this.#castsWithin(AHEAD_MS, MOST);
  }

  /** How many may be in hand when one more comes that was accepted here. */
  get ownCastsInHand(): number {
    return this.#castsWithin(OWN_AHEAD_MS, OWN_MOST);
  }

  #castsWithin(aheadMs: number, most: number): number {
    const each = 1 + Math.ceil(aheadMs / (TURNAROUND_MS + this.#castMs));
    return this.#sandboxes * Math.min(most, Math.max(LEAST, each));
  }

  /** A cast that has been running, or has run, for so long. */
  observe(castMs: number): void {
    this.#castMs += (castMs - this.#castMs) * WEIGHT_OF_LAST;
  }
}

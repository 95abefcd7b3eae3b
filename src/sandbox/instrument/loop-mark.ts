import type { Piece } from './control-flow.js';

/**
 * A loop of a function. One that calls nobody counts in a register, with all loops inside of it. One that repeats gets
 * another loop around it, which reports, see FuelCode.openReporting.
 */
export class LoopMark {
  head: Piece | undefined;
  hasCalls = false;
  /** Each round calls a function that may be running already. */
  recurses = false;
  #added = 0;
  #outermost: LoopMark | undefined;

  /** `outer` is the innermost loop around it. */
  constructor(
    private readonly outer: LoopMark | undefined,
    /** Its function is small and may be running already when it is called. */
    private readonly isInSmallRecursion: boolean,
  ) {}

  /** When its end was read: the loop around it calls whom it calls. */
  close(): void {
    if (this.outer && this.hasCalls) this.outer.hasCalls = true;
  }

  /** When all loops of the function are closed, from outside to inside. */
  settle(): void {
    this.#outermost = this.hasCalls ? undefined : (this.outer?.outermost ?? this);
    this.#added = (this.outer?.added ?? 0) + Number(this.isWrapped);
  }

  /**
   * Whether the look at its head tells the host as well. Of a recursion nobody hears by itself, so of a loop that is a part of
   * one in each of its rounds nobody needs to.
   */
  get reports(): boolean {
    return this.hasCalls && !this.recurses;
  }

  /**
   * Whether another loop is put around it. In a small recursive function that would keep V8 from compiling it into itself, which
   * costs more than a call in the loop.
   */
  get isWrapped(): boolean {
    return this.head?.isChecked === true && !(this.hasCalls && this.isInSmallRecursion);
  }

  /** How many loops are put around it and around the loops that it stands in. */
  get added(): number {
    return this.#added;
  }

  /** The outermost loop around it, or itself, that calls nobody. */
  get outermost(): LoopMark | undefined {
    return this.#outermost;
  }

  get isOutermost(): boolean {
    return this.#outermost === this;
  }
}

import type { Piece } from './control-flow.js';

/**
 * A loop of a function. One that calls nobody counts in a register, with all loops inside of it, and if it repeats it
 * gets another loop around it, see FuelCode.openReporting. One that calls would gain nothing by that: the engine keeps
 * its variables in memory anyway.
 */
export class LoopMark {
  head: Piece | undefined;
  hasCalls = false;
  #added = 0;
  #outermost: LoopMark | undefined;

  /** `outer` is the innermost loop around it. */
  constructor(private readonly outer: LoopMark | undefined) {}

  /** When its end was read: the loop around it calls whom it calls. */
  close(): void {
    if (this.outer && this.hasCalls) this.outer.hasCalls = true;
  }

  /** When all loops of the function are closed, from outside to inside. */
  settle(): void {
    this.#outermost = this.hasCalls ? undefined : (this.outer?.outermost ?? this);
    this.#added = (this.outer?.added ?? 0) + Number(this.isWrapped);
  }

  /** Whether another loop is put around it. */
  get isWrapped(): boolean {
    return this.head?.isChecked === true && !this.hasCalls;
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

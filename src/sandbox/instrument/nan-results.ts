/** What a float instruction sees in its result: the shape decides how a NaN is told. */
export type FloatShape = 'f32' | 'f64' | 'f32x4' | 'f64x2';

/**
 * What an instruction does with floats on the stack. One that computes takes some and answers one, which may be a NaN of
 * any bits; one that replaces takes some operands and answers what has the same bits everywhere, if the operands are
 * the same NaNs or none. Of all others it is not known that they do not look at bits.
 */
export type FloatEffect =
  | { kind: 'computes'; shape: FloatShape; taken: number }
  | { kind: 'replaces'; taken: number }
  | { kind: 'looks' };

// Core specification 4.3.3 and 4.3.4: what answers one of nans_N. The others only move bits, as abs, neg and copysign do.
const COMPUTES =
  /^(f32|f64|f32x4|f64x2)\.(add|sub|mul|div|min|max|sqrt|ceil|floor|trunc|nearest|demote_f64|promote_f32|demote_f64x2_zero|promote_low_f32x4)$/;
const COMPUTES_OF_TWO = /\.(add|sub|mul|div|min|max)$/;
const PUSHES = /^(local\.get|global\.get|[if](32|64)\.const|v128\.const)$/;
// Of a NaN these see no more than that it is one; or they take no float at all.
const REPLACES_ONE =
  /^([if](32|64)|v128)\.load(?!\w*lane)|^[if](32|64)\.convert_i(32|64)_[su]$|^i(32|64)\.(eqz|trunc_(sat_)?f(32|64)_[su])$|^f(32|64)\.reinterpret_i/;
const REPLACES_TWO =
  /^(f32|f64|f32x4|f64x2)\.(eq|ne|lt|gt|le|ge)$|^i(32|64)\.(add|sub|mul|and|or|xor|shl|shr_[su]|eq|ne|[lg][te]_[su])$/;
const LOOKS: FloatEffect = { kind: 'looks' };

export function floatEffect(name: string): FloatEffect {
  const [, shape] = COMPUTES.exec(name) ?? [];
  if (shape !== undefined)
    return { kind: 'computes', shape: shape as FloatShape, taken: COMPUTES_OF_TWO.test(name) ? 2 : 1 };
  if (PUSHES.test(name)) return { kind: 'replaces', taken: 0 };
  if (REPLACES_ONE.test(name)) return { kind: 'replaces', taken: 1 };
  return REPLACES_TWO.test(name) ? { kind: 'replaces', taken: 2 } : LOOKS;
}

/** A result that may be a NaN of any bits. */
export interface NanResult {
  shape: FloatShape;
  /** Somebody may look at the bits. */
  isSeen: boolean;
}

/**
 * Finds the results whose bits somebody may look at: stored, kept in a local, handed on. To another instruction that
 * computes a NaN is a NaN. Operands are followed as long as what is done with them is known, at most to the end of
 * straight code.
 */
export class NanResults {
  /** The uppermost last; null is one whose bits are fixed. Below the first that is not, nothing is of interest. */
  readonly #operands: (NanResult | null)[] = [];

  /** The result of the instruction, if it may be a NaN of any bits. */
  visit(effect: FloatEffect): NanResult | null {
    if (effect.kind === 'computes') {
      const result: NanResult = { shape: effect.shape, isSeen: false };
      this.#replace(effect.taken, result);
      return result;
    }
    if (this.#operands.length === 0) return null;
    if (effect.kind === 'replaces') this.#replace(effect.taken, null);
    else this.#look();
    return null;
  }

  #replace(taken: number, by: NanResult | null): void {
    this.#operands.length = Math.max(0, this.#operands.length - taken);
    if (by !== null || this.#operands.length > 0) this.#operands.push(by);
  }

  #look(): void {
    for (const operand of this.#operands) if (operand !== null) operand.isSeen = true;
    this.#operands.length = 0;
  }
}

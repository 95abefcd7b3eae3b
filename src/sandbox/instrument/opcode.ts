import type { CostClass } from './cost-table.js';
import type { FloatEffect } from './nan-results.js';

/**
 * What follows the opcode (core specification 5.4), one letter per immediate:
 * i index or label, s signed number, b block type, t vector of value types, m memory argument, l lane,
 * 4 8 x bytes of a constant (4, 8, 16), T branch table, C catch clauses.
 */
export type Immediates = string;

/** What the walker does at an instruction besides counting it. */
export type Control =
  | 'plain'
  | 'block'
  | 'loop'
  | 'if'
  | 'else'
  | 'try'
  | 'try_table'
  | 'catch'
  | 'delegate'
  | 'end'
  | 'branch'
  | 'branch-if'
  | 'branch-table'
  | 'return'
  | 'throw'
  | 'trap'
  | 'call'
  | 'tail-call'
  | 'grow-memory'
  | 'bulk';

export interface Opcode {
  name: string;
  immediates: Immediates;
  class: CostClass;
  /** The fuel of its class. */
  cost: number;
  /** See stackEffect. */
  stackEffect: number;
  control: Control;
  float: FloatEffect;
  /** Set when the platform does not run the instruction although the engine would. */
  refusal?: string;
}

/** Defines opcodes with ascending numbers from `first`; `prefix` is 0 for one-byte opcodes. */
export type Define = (
  prefix: number,
  first: number,
  names: string,
  costClass: CostClass,
  immediates?: Immediates,
  more?: Partial<Pick<Opcode, 'control' | 'refusal'>>,
) => void;

import { INSTRUCTION_COSTS, type CostClass } from './cost-table.js';
import { defineAggregateOpcodes } from './opcodes-aggregate.js';
import { defineCoreOpcodes } from './opcodes-core.js';
import { defineVectorOpcodes } from './opcodes-vector.js';

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
  control: Control;
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

export const OPCODE_PREFIXES = [0xfb, 0xfc, 0xfd, 0xfe] as const;

const tables = new Map<number, Opcode[]>([0, ...OPCODE_PREFIXES].map((prefix) => [prefix, []]));

const define: Define = (prefix, first, names, costClass, immediates = '', more = {}) => {
  const table = tables.get(prefix) as Opcode[];
  const cost = INSTRUCTION_COSTS[costClass];
  names.split(/\s+/).forEach((name, position) => {
    table[first + position] = { name, immediates, class: costClass, cost, control: 'plain', ...more };
  });
};

defineCoreOpcodes(define);
defineAggregateOpcodes(define);
defineVectorOpcodes(define);

/** The opcode, or nothing when this version of the platform does not know it. */
export function opcodeOf(prefix: number, code: number): Opcode | undefined {
  return tables.get(prefix)?.[code];
}

export function isPrefix(byte: number): boolean {
  return byte >= OPCODE_PREFIXES[0] && byte <= OPCODE_PREFIXES[3];
}

/** Every known opcode as [prefix, code, opcode]. */
export function allOpcodes(): [number, number, Opcode][] {
  return [...tables].flatMap(([prefix, table]) =>
    table.flatMap((opcode, code): [number, number, Opcode][] => [[prefix, code, opcode]]),
  );
}

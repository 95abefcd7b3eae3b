import { INSTRUCTION_COSTS } from './cost-table.js';
import { floatEffect } from './nan-results.js';
import type { Define, Opcode } from './opcode.js';
import { defineAggregateOpcodes } from './opcodes-aggregate.js';
import { defineCoreOpcodes } from './opcodes-core.js';
import { defineVectorOpcodes } from './opcodes-vector.js';
import { stackEffect } from './stack-effect.js';

const OPCODE_PREFIXES = [0xfb, 0xfc, 0xfd, 0xfe] as const;

const tables = new Map<number, Opcode[]>([0, ...OPCODE_PREFIXES].map((prefix) => [prefix, []]));

const define: Define = (prefix, first, names, costClass, immediates = '', more = {}) => {
  const table = tables.get(prefix) as Opcode[];
  const cost = INSTRUCTION_COSTS[costClass];
  names.split(/\s+/).forEach((name, position) => {
    table[first + position] = {
      name,
      immediates,
      class: costClass,
      cost,
      control: 'plain',
      stackEffect: stackEffect(name),
      float: floatEffect(name),
      ...more,
    };
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

import { LOCALS_PER_FUEL } from './cost-table.js';
import type { TypeShape } from './module-structure.js';
import type { Operator } from './read-operator.js';

/** A new structure or fixed array also costs by its size, which the module says. */
export function operatorCost({ opcode, first, second }: Operator, types: readonly TypeShape[]): number {
  if (opcode.class !== 'aggregateNew') return opcode.cost;
  const type = types[first];
  return opcode.cost + (type?.form === 'structure' ? type.fields : second);
}

/** What entering a function costs, for the locals that the engine sets to zero. */
export function localsCost(declaredLocals: number): number {
  return Math.floor(declaredLocals / LOCALS_PER_FUEL);
}

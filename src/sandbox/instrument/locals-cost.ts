import { LOCALS_PER_FUEL } from './cost-table.js';

/** What entering a function costs, for the locals that the engine sets to zero. */
export function localsCost(declaredLocals: number): number {
  return Math.floor(declaredLocals / LOCALS_PER_FUEL);
}

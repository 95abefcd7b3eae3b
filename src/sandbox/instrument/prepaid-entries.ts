import type { ModuleStructure } from './module-structure.js';
import type { ScannedFunction } from './scan-function.js';

/**
 * What the piece that each function begins with costs, where whoever calls it pays that with the piece that the call
 * stands in: then a call costs one charge instead of two, and a small function has no counting code at all. That
 * is only so where every call names the function: who calls through a table, a reference or from outside pays nothing
 * beforehand, so all others have 0 here and charge at their beginning. Indexes count imported functions too.
 */
export function prepaidEntries(
  structure: Pick<ModuleStructure, 'importedFunctions' | 'referredFunctions' | 'exports' | 'startFunction'>,
  functions: readonly ScannedFunction[],
): readonly number[] {
  const { importedFunctions, referredFunctions, exports, startFunction } = structure;
  const calledOtherwise = new Set([
    ...referredFunctions,
    ...functions.flatMap(({ referred }) => referred),
    ...exports.filter(({ kind }) => kind === 'function').map(({ index }) => index),
    ...(startFunction === undefined ? [] : [startFunction]),
  ]);
  const costs = functions.map(({ entryCost }, position) =>
    calledOtherwise.has(importedFunctions + position) ? 0 : entryCost,
  );
  return [...Array.from({ length: importedFunctions }, () => 0), ...costs];
}

import type { ModuleStructure } from './module-structure.js';

/** What is added to a module, at the ends of its index spaces, so that nothing else gets another index. */
export interface PreparedIndexes {
  fuelGlobal: number;
  growFailedGlobal: number;
  stackGlobal: number;
  reportAtGlobal: number;
  /** A function without parameters and results. */
  reportType: number;
  reportFunction: number;
  /** Its one element is the host's function that hears reports. */
  reportTable: number;
}

export function preparedIndexes(structure: ModuleStructure): PreparedIndexes {
  const { globalCount, types, functionTypes, tables } = structure;
  return {
    fuelGlobal: globalCount,
    growFailedGlobal: globalCount + 1,
    stackGlobal: globalCount + 2,
    reportAtGlobal: globalCount + 3,
    reportType: types.length,
    reportFunction: functionTypes.length,
    reportTable: tables.length,
  };
}

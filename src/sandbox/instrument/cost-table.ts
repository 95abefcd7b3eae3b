/** Goes up with every change that gives any module another fuel: receipts name the version they were metered by. */
export const COST_TABLE_VERSION = 1;

/** Which row of the cost table prices the instruction. */
export type CostClass =
  | 'structure'
  | 'simple'
  | 'memory'
  | 'division'
  | 'vector'
  | 'vectorDivision'
  | 'branchTable'
  | 'call'
  | 'indirectCall'
  | 'tableRead'
  | 'tableWrite'
  | 'reference'
  | 'throw'
  | 'memoryBulk'
  | 'memoryGrow'
  | 'tableBulk'
  | 'tableGrow'
  | 'drop'
  | 'smallReference';

/**
 * The fuel of one executed instruction, by class. One fuel is one simple instruction, 0.05 to 0.6 ns here; the
 * prices of what takes the engine longer were measured, so that no class takes more than about 4 ns for one fuel.
 */
export const INSTRUCTION_COSTS: Readonly<Record<CostClass, number>> = Object.freeze({
  structure: 0,
  simple: 1,
  memory: 1,
  division: 4,
  vector: 2,
  vectorDivision: 8,
  branchTable: 3,
  call: 5,
  indirectCall: 8,
  tableRead: 4,
  tableWrite: 32,
  reference: 8,
  throw: 2000,
  memoryBulk: 32,
  memoryGrow: 20_000,
  tableBulk: 64,
  tableGrow: 500,
  drop: 8,
  smallReference: 2,
});

/**
 * What an instruction costs besides, by the number on top of the stack, so that one cheap instruction cannot
 * order unbounded work: fuel = (number × fuel) >> shift.
 */
export interface LengthCost {
  unit: string;
  fuel: number;
  shift: number;
}

const MEMORY_LENGTH: LengthCost = { unit: 'byte', fuel: 1, shift: 3 };
const TABLE_LENGTH: LengthCost = { unit: 'element', fuel: 32, shift: 0 };

export const LENGTH_COSTS: Readonly<Partial<Record<CostClass, LengthCost>>> = Object.freeze({
  memoryBulk: MEMORY_LENGTH,
  memoryGrow: { unit: 'page', fuel: 8192, shift: 0 },
  tableBulk: TABLE_LENGTH,
  tableGrow: { unit: 'element', fuel: 64, shift: 0 },
});

/** Entering a function clears its locals: 8 of them for one fuel. */
export const LOCALS_PER_FUEL = 8;

import { allOpcodes, type CostClass, type Opcode } from './opcodes.js';

/** Goes up with every change that gives any module another fuel: receipts name the version they were metered by. */
export const COST_TABLE_VERSION = 1;

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
  aggregate: 2,
  aggregateNew: 32,
  aggregateBulk: 64,
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
  aggregateBulk: { unit: 'element', fuel: 4, shift: 0 },
});

/** Entering a function clears its locals: 8 of them for one fuel. */
export const LOCALS_PER_FUEL = 8;

/** The meaning of each class, for people. */
const CLASS_MEANINGS: Readonly<Record<CostClass, string>> = {
  structure: 'marks that are no work of their own',
  simple: 'integer and float arithmetic, constants, locals, globals, conversions, branches',
  memory: 'one load or store',
  division: 'division, remainder, square root',
  vector: 'one 128-bit vector instruction, loads and stores included',
  vectorDivision: 'vector division and square root',
  branchTable: 'a jump through a table',
  call: 'a direct call',
  indirectCall: 'a call through a table or a reference',
  tableRead: 'one table element read',
  tableWrite: 'one table element written',
  reference: 'taking a function reference, testing or casting a type',
  throw: 'throwing an exception',
  memoryBulk: 'a bulk memory instruction, and its length',
  memoryGrow: 'growing the memory, and the pages asked for',
  tableBulk: 'a bulk table instruction, and its length',
  tableGrow: 'growing a table, and the elements asked for',
  drop: 'dropping a segment',
  aggregate: 'one field, array element or small integer reference',
  aggregateNew: 'a new structure or array of known size, and one fuel a field',
  aggregateBulk: 'a new array or bulk array instruction, and its length',
};

export function costOf(opcode: Opcode): number {
  return INSTRUCTION_COSTS[opcode.cost];
}

/** The cost table as a Markdown page. */
export function describeCostTable(): string {
  return [
    `# The fuel table, version ${COST_TABLE_VERSION}`,
    '',
    'Fuel counts executed instructions of the published module. It is charged where a straight piece of code',
    'begins, for all of that piece; a run that ends in the middle of one (a trap, an exception, `proc_exit`)',
    'is charged to its end. The number depends on the module and its input, never on the machine or the load.',
    '',
    '| class | fuel | and by length | what it is |',
    '| --- | ---: | --- | --- |',
    ...classes().map(describeClass),
    '',
    `Besides: entering a function costs 1 fuel for every ${LOCALS_PER_FUEL} declared locals. What the host does for`,
    'a WASI call it charges itself, while the call lasts.',
    '',
    '## Instructions',
    '',
    ...classes().map((name) => `- **${name}**: ${instructionsOf(name)}`),
    '',
  ].join('\n');
}

function classes(): CostClass[] {
  return Object.keys(INSTRUCTION_COSTS) as CostClass[];
}

function describeClass(name: CostClass): string {
  const length = LENGTH_COSTS[name];
  const byLength = length ? describeLength(length) : '';
  return `| ${name} | ${INSTRUCTION_COSTS[name]} | ${byLength} | ${CLASS_MEANINGS[name]} |`;
}

function describeLength({ unit, fuel, shift }: LengthCost): string {
  return shift === 0 ? `+ ${fuel} per ${unit}` : `+ ${fuel} per ${2 ** shift} ${unit}s`;
}

function instructionsOf(name: CostClass): string {
  return allOpcodes()
    .filter(([, , opcode]) => opcode.cost === name && opcode.refusal === undefined)
    .map(([, , opcode]) => `\`${opcode.name}\``)
    .join(' ');
}

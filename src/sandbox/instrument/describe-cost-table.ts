import { BYTES_PER_FUEL, HOST_CALL_FUEL, ITEM_FUEL } from '../guest/fuel-costs.js';
import {
  COST_TABLE_VERSION,
  INSTRUCTION_COSTS,
  LENGTH_COSTS,
  LOCALS_PER_FUEL,
  type CostClass,
  type LengthCost,
} from './cost-table.js';
import { allOpcodes } from './opcodes.js';

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
  smallReference: 'making or reading a small integer reference, or converting a reference',
};

/** The cost table as a Markdown page. */
export function describeCostTable(): string {
  return [
    `# The fuel table, version ${COST_TABLE_VERSION}`,
    '',
    'Fuel counts executed instructions of the published module. It is charged where a straight piece of code',
    'begins, for all of that piece and for the pieces that the functions it calls begin with; a run that ends in the',
    'middle of one (an exception, `proc_exit`) is charged to its end, and one that traps at least to the last call',
    'that was made or came back.',
    'The number depends on the module and its input, never on the load or on how far the engine has optimised the',
    'code. NaN results have the bits of the canonical NaN. One thing is not promised across kinds of machines: where a',
    'recursion overflows the engine’s own stack because its frames are larger than they were weighed.',
    '',
    'A cast that is killed has used what its guest last reported: loops and calls of the host do, about every 10 ms; a',
    'recursion that does nothing else does not.',
    '',
    '| class | fuel | and by length | what it is |',
    '| --- | ---: | --- | --- |',
    ...classes().map(describeClass),
    '',
    `Besides: entering a function costs 1 fuel for every ${LOCALS_PER_FUEL} declared locals, and a WASI call costs`,
    `${HOST_CALL_FUEL} fuel, 1 more for every ${BYTES_PER_FUEL} bytes that the host copies or makes, and ${ITEM_FUEL} for each thing it looks at: a`,
    'buffer of a list, a name of a path or of a link’s target, an entry of a folder, a subscription.',
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
    .filter(([, , opcode]) => opcode.class === name && opcode.refusal === undefined)
    .map(([, , opcode]) => `\`${opcode.name}\``)
    .join(' ');
}

import { checkImports, importName } from './check-imports.js';
import { MEMORY_PAGES_MAX, TABLE_ELEMENTS_MAX } from './limits.js';
import type { Limits, ModuleStructure } from './module-structure.js';
import { problemAt, quoteName, type ModuleProblem } from './module-problem.js';
import { NO_AGGREGATES } from './opcodes-aggregate.js';
import { SECTION } from './sections.js';
import { WASI_MODULE, wasiFunction } from './wasi-functions.js';

/** Exports and custom sections that begin so are the platform's. */
const RESERVED_EXPORT_PREFIX = 'spell_';
const RESERVED_SECTION_PREFIX = 'spell.';

/** Everything that is wrong with a valid module, except for what its code says. */
export function checkStructure(structure: ModuleStructure): ModuleProblem[] {
  return [
    ...checkImports(structure),
    ...checkTypes(structure),
    ...checkEntry(structure),
    ...checkReservedNames(structure),
    ...checkMemories(structure),
    ...checkMemoryExport(structure),
    ...checkTables(structure),
  ];
}

function checkTypes({ types }: ModuleStructure): ModuleProblem[] {
  const index = types.findIndex(({ form }) => form !== 'function');
  return index < 0 ? [] : [problemAt(`types/${index}`, NO_AGGREGATES)];
}

function checkEntry({ exports, types, functionTypes }: ModuleStructure): ModuleProblem[] {
  const entry = exports.find(({ field }) => field === '_start');
  if (entry === undefined) {
    const isReactor = exports.some(({ field }) => field === '_initialize');
    const reason = isReactor
      ? 'exports _initialize but no _start: it is a WASI reactor, a spell must be a command (a program with main)'
      : 'does not export _start: a spell must be a WASI command (a program with main)';
    return [problemAt('exports', reason)];
  }
  const type = entry.kind === 'function' ? types[functionTypes[entry.index] ?? -1] : undefined;
  if (type?.form === 'function' && type.signature === ':') return [];
  return [problemAt('exports/_start', '_start must be a function without parameters and results')];
}

function checkReservedNames({ exports, sections }: ModuleStructure): ModuleProblem[] {
  const reservedExports = exports
    .filter(({ field }) => field.startsWith(RESERVED_EXPORT_PREFIX))
    .map(({ field }) =>
      problemAt('exports', `${quoteName(field)} may not be exported: ${RESERVED_EXPORT_PREFIX}* is reserved`),
    );
  const reservedSections = sections
    .filter(({ id, name }) => id === SECTION.custom && name.startsWith(RESERVED_SECTION_PREFIX))
    .map(({ name }) =>
      problemAt('custom', `the custom section ${quoteName(name)} is reserved: publish the unprepared module`),
    );
  return [...reservedExports, ...reservedSections];
}

function checkMemories({ memories }: ModuleStructure): ModuleProblem[] {
  const problems = memories.flatMap(checkMemory);
  if (memories.length > 1) {
    problems.push(
      problemAt('memory', `has ${memories.length} memories: a spell may have one (multi-memory)`),
    );
  }
  return problems;
}

function checkMemory({ shared, is64, initial }: Limits): ModuleProblem[] {
  const reasons = [
    shared && 'is shared: threads are not allowed, a spell runs on one thread',
    is64 && 'has 64-bit addresses: memory64 is not allowed, build for wasm32',
    initial > MEMORY_PAGES_MAX && `starts with ${initial} pages of at most ${MEMORY_PAGES_MAX}`,
  ];
  return reasons
    .filter((reason) => reason !== false)
    .map((reason) => problemAt('memory', `the memory ${reason}`));
}

/** WASI functions that take an address look for it in the exported memory. */
function checkMemoryExport({ imports, exports }: ModuleStructure): ModuleProblem[] {
  if (exports.some(({ field, kind }) => field === 'memory' && kind === 'memory')) return [];
  const needy = imports.find(
    ({ module, field }) => module === WASI_MODULE && wasiFunction(field)?.needsMemory,
  );
  if (needy === undefined) return [];
  return [problemAt('memory', `no memory is exported as "memory", and ${importName(needy)} needs it`)];
}

function checkTables({ tables }: ModuleStructure): ModuleProblem[] {
  const problems = tables.flatMap(({ limits }, position) =>
    limits.is64
      ? [problemAt(`tables/${position}`, 'a table with 64-bit indexes is not allowed (memory64)')]
      : [],
  );
  const elements = tables.reduce((sum, { limits }) => sum + limits.initial, 0);
  if (elements > TABLE_ELEMENTS_MAX) {
    const reason = `all tables together start with ${elements} elements of at most ${TABLE_ELEMENTS_MAX}`;
    problems.push(problemAt('tables', reason));
  }
  return problems;
}

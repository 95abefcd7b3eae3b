import { randomBytes } from 'node:crypto';
import { ENDLESS_FUEL, SHORT_MS, UNTIL_DEADLINE, type HostileGuest } from './hostile-guest.js';
import { buildModule, emptyBlock, functionBody, leb, openBlock, OP, repeated } from './module-bytes.js';

const MIB = 1024 * 1024;
// With 60,000 loops about as many as are taken.
const LOCALS = 300;
// What V8 accepts: 7,654,321 bytes of one function, 65,520 targets of one br_table.
const MOST_TARGETS = 65_520;

const runtime = { timeout_ms: 20_000, max_fuel: ENDLESS_FUEL };

/** Functions of a hundred additions each, and one that calls them all. */
function manyFunctions(count: number): Buffer {
  const small = functionBody(repeated([OP.i32Const, 1, OP.drop], 100));
  const calls = Buffer.concat(
    Array.from({ length: count }, (_, index) => Buffer.from([OP.call, ...leb(index)])),
  );
  return buildModule({ functions: [...Array.from({ length: count }, () => small), functionBody(calls)] });
}

/** At the head of every loop a compiler has to know where each local is. */
function manyLoops(count: number): Buffer {
  return buildModule({ functions: [functionBody(repeated(emptyBlock(OP.loop), count), LOCALS)] });
}

function branchTables(count: number): Buffer {
  const table = [OP.i32Const, 0, OP.brTable, ...leb(MOST_TARGETS), ...repeated([0], MOST_TARGETS + 1)];
  const one = [...openBlock(), ...table, OP.end];
  return buildModule({ functions: [functionBody(repeated(one, count))] });
}

/** Blocks in blocks, and a table that leaves every one of them. */
function nestedBlocks(depth: number): Buffer {
  const targets = Array.from({ length: Math.min(depth, MOST_TARGETS) }, (_, index) => leb(index)).flat();
  const table = [OP.i32Const, 0, OP.brTable, ...leb(Math.min(depth, MOST_TARGETS)), ...targets, 0];
  const code = [repeated(openBlock(), depth), Buffer.from(table), repeated([OP.end], depth)];
  return buildModule({ functions: [functionBody(Buffer.concat(code))] });
}

const EMPTY_START = [functionBody(Buffer.alloc(0))];

/** Valid modules of a size or shape that makes reading, rewriting or compiling them slow. */
export const LARGE_GUESTS: readonly HostileGuest[] = [
  {
    name: 'ten thousand functions, each called once',
    wasm: () => manyFunctions(10_000),
    runtime,
    ends: ['SUCCEEDED'],
  },
  {
    name: 'eight megabytes of data that do not compress',
    wasm: () => buildModule({ functions: EMPTY_START, pages: 129, data: [randomBytes(8 * MIB)] }),
    runtime,
    ends: ['SUCCEEDED'],
  },
  {
    name: 'ninety thousand data segments',
    wasm: () =>
      buildModule({
        functions: EMPTY_START,
        pages: 2,
        data: Array.from({ length: 90_000 }, () => Buffer.from([1])),
      }),
    runtime,
    ends: ['SUCCEEDED'],
  },
  {
    name: 'data beyond the end of memory',
    wasm: () => buildModule({ functions: EMPTY_START, pages: 1, data: [Buffer.alloc(65_537)] }),
    runtime,
    ends: ['TRAP'],
  },
  {
    name: 'a function that takes long to compile',
    wasm: () => manyLoops(60_000),
    runtime: { ...UNTIL_DEADLINE.runtime, timeout_ms: SHORT_MS },
    ends: ['DEADLINE_EXCEEDED', 'SUCCEEDED'],
  },
  {
    name: 'twenty branch tables of 65,520 targets',
    wasm: () => branchTables(20),
    runtime,
    ends: ['SUCCEEDED'],
  },
  {
    name: 'twenty thousand blocks in each other, and a table that leaves them all',
    wasm: () => nestedBlocks(20_000),
    runtime,
    ends: ['SUCCEEDED'],
  },
];

import { readFileSync } from 'node:fs';
import { assemble } from '../support/packages.js';
import { command, start, type RefusedModule } from './hostile-guest.js';
import { buildModule, functionBody, leb, OP, repeated } from './module-bytes.js';

// A clause of try_table that catches everything.
const CATCH_ALL = 2;

const EMPTY_START = '(func (export "_start"))';
const unmetered = start([], '(nop)');

/** Modules that publishing refuses, by name and within seconds, whatever they do to the one who reads them. */
export const REFUSED_MODULES: readonly RefusedModule[] = [
  {
    name: 'a function of the host that no spell may have',
    wasm: () => assemble(`(module (import "env" "system" (func (param i32))) ${EMPTY_START})`),
    reason: /env\.system/,
  },
  {
    name: 'a function of WASI with another type',
    wasm: () =>
      assemble(
        `(module (import "wasi_snapshot_preview1" "fd_write" (func (param i64) (result i64))) ${EMPTY_START})`,
      ),
    reason: /fd_write.* must have the type/,
  },
  {
    name: 'a memory of the host',
    wasm: () => assemble(`(module (import "spell" "memory" (memory 1)) ${EMPTY_START})`),
    reason: /spell\.memory.* is a memory/,
  },
  {
    name: 'the name of the fuel counter',
    wasm: () => command([], `(global (export "spell_fuel") (mut i64) (i64.const 0)) ${EMPTY_START}`),
    reason: /spell_\* is reserved/,
  },
  {
    name: 'more memory at its start than its manifest allows',
    wasm: () => start([], '(nop)', { pages: 2_000 }),
    runtime: { max_memory_mb: 64 },
    reason: /starts with 2000 pages/,
  },
  {
    name: 'tables of two million elements',
    wasm: () => command([], `(table 2000000 funcref) ${EMPTY_START}`),
    reason: /start with 2000000 elements/,
  },
  {
    name: 'no program at all',
    wasm: () => assemble('(module (memory (export "memory") 1))'),
    reason: /does not export _start/,
  },
  {
    name: 'so many locals and branches that the engine’s optimiser would need all memory',
    wasm: () =>
      buildModule({
        functions: [functionBody(repeated([OP.i32Const, 0, OP.if, 0x40, OP.end], 10_000), 20_000)],
      }),
    reason: /20000 locals and so many branches/,
  },
  {
    name: 'sixty thousand catch clauses',
    wasm: () => {
      const clauses = Buffer.concat([Buffer.from(leb(60_000)), repeated([CATCH_ALL, 0], 60_000)]);
      const open = Buffer.from([OP.block, 0x40, OP.tryTable, 0x40]);
      return buildModule({
        functions: [functionBody(Buffer.concat([open, clauses, Buffer.from([OP.end, OP.end])]))],
      });
    },
    reason: /more than 4096 catch clauses/,
  },
  {
    name: 'a module cut in its middle',
    wasm: () => readFileSync('test/instrument/c-programs/program-O2.wasm').subarray(0, 5_000),
    reason: /spell\.wasm/,
  },
  {
    name: 'lengths of four gigabytes',
    wasm: () => Buffer.concat([unmetered.slice(0, 8), Buffer.from([10, 0xff, 0xff, 0xff, 0xff, 0x0f, 1])]),
    reason: /spell\.wasm/,
  },
  {
    name: 'a million blocks that never end',
    wasm: () => buildModule({ functions: [functionBody(repeated([OP.block, 0x40], 1_000_000))] }),
    reason: /spell\.wasm/,
  },
  {
    name: 'a module of 33 MB',
    wasm: () =>
      buildModule({ functions: [functionBody(Buffer.alloc(0))], custom: Buffer.alloc(33 * 1024 * 1024) }),
    reason: /spell\.wasm/,
  },
];

/** Valid, and as much work for whoever rewrites it as its size allows: loops in loops, each with a way out. */
export function slowToAnalyse(): Uint8Array {
  const depth = 1_000_000;
  const open = repeated([OP.loop, 0x40], depth);
  const close = repeated([OP.i32Const, 0, OP.brIf, 0, OP.end], depth);
  return buildModule({ functions: [functionBody(Buffer.concat([open, close]))] });
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rewriteModule, type PreparedModule } from '../../src/sandbox/instrument/index.js';
import { WASI_FUNCTIONS } from '../../src/sandbox/instrument/wasi-functions.js';
import { assemble, prepared, reasons } from './support.js';

const refusals = (fields: string): string[] => reasons(rewriteModule(assemble(fields)));
const refused = (result: PreparedModule, pattern: RegExp): void =>
  assert.match(reasons(result).join('\n'), pattern);

describe('imports', () => {
  it('are refused by name, all at once', () => {
    const found = refusals(`
      (import "env" "abort" (func))
      (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
      (import "env" "memory" (memory 1))
      (import "env" "table" (table 1 funcref))
      (import "env" "flag" (global i32))
      (import "env" "tag" (tag))
      (import "wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_fly" (func))
      (import "wasi_snapshot_preview1" "proc_exit" (func (param f64)))
      (import "wasi_snapshot_preview1" "random_get" (global i32))
      (import "wasi:cli/stdout@0.2.0" "get-stdout" (func (result i32)))
      (import "spell" "memory" (memory 1))`);
    const of = (position: number): string =>
      found.find((line) => line.includes(`imports/${position}:`)) ?? '';
    assert.match(of(0), /"env\.abort".*AssemblyScript/);
    assert.equal(of(1), '');
    assert.match(of(2), /"env\.memory" is a memory/);
    assert.match(of(3), /"env\.table" is a table/);
    assert.match(of(4), /"env\.flag" is a global/);
    assert.match(of(5), /"env\.tag" is a tag/);
    assert.match(of(6), /"wasi_unstable\.fd_write".*snapshot 0/);
    assert.match(of(7), /"wasi_snapshot_preview1\.fd_fly" is none of the 46/);
    assert.match(of(8), /proc_exit" must have the type \(i32\) -> \(\), not \(f64\) -> \(\)/);
    assert.match(of(9), /random_get" must be imported as a function, not as a global/);
    assert.match(of(10), /"wasi:cli.*preview 2/);
    assert.match(of(11), /"spell\.memory" is a memory/);
  });

  it('of WASI preview 1 are 46', () => assert.equal(new Set(WASI_FUNCTIONS).size, 46));

  it('are listed when they are allowed', () => {
    const bytes = assemble('(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))');
    assert.deepEqual(prepared(bytes).imports, ['wasi_snapshot_preview1.proc_exit']);
  });

  it('with hostile names are shortened and made printable', () => {
    const [line = ''] = refusals(`(import "${'\\1b[2J\\0a'.repeat(50)}" "x" (func))`);
    assert.ok(line.length < 600 && !/[\x00-\x1f]/.test(line), line);
  });
});

describe('the shape of a command', () => {
  it('needs _start', () => {
    refused(rewriteModule(assemble('(func (export "not_start"))')), /does not export _start/);
    assert.match(refusals('(func (export "_initialize")) (; _start ;)').join(), /reactor/);
  });

  it('needs _start to be a plain function', () => {
    assert.match(
      refusals('(func (export "_start") (param i32))').join(),
      /_start must be a function without/,
    );
    assert.match(
      refusals('(global (export "_start") i32 (i32.const 0))').join(),
      /_start must be a function/,
    );
  });

  it('needs an exported memory for functions that take addresses', () => {
    const random = '(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))';
    assert.match(refusals(`${random} (memory 1)`).join(), /"wasi_snapshot_preview1\.random_get" needs it/);
    assert.deepEqual(refusals(`${random} (memory (export "memory") 1)`), []);
    assert.deepEqual(refusals('(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))'), []);
  });
});

describe('refused by name', () => {
  const cases: [string, string, RegExp][] = [
    ['shared memory', '(memory 1 2 shared)', /spell\.wasm\/memory: .*shared: threads/],
    [
      'atomic instructions',
      '(memory 1) (func (drop (i32.atomic.load (i32.const 0))))',
      /functions\/0: .*threads/,
    ],
    ['64-bit memory', '(memory i64 1)', /memory64/],
    ['64-bit tables', '(table i64 1 funcref)', /memory64/],
    ['several memories', '(memory 1) (memory 1)', /2 memories.*multi-memory/],
    ['reserved exports', '(func (export "spell_fuel"))', /"spell_fuel" may not be exported/],
    ['huge tables', '(table 900000 funcref) (table 900000 funcref)', /1800000 elements/],
    [
      'relaxed SIMD',
      '(func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))',
      /i8x16\.relaxed_swizzle: relaxed SIMD/,
    ],
  ];
  for (const [name, fields, pattern] of cases) {
    it(name, () => assert.match(refusals(fields).join('\n'), pattern));
  }

  it('everything together', () => {
    const found = refusals(`(import "env" "x" (func)) (memory 1) (memory i64 1) (func (export "spell_x"))
      (func (drop (i32.atomic.load (i32.const 0))))`);
    assert.equal(found.length, 5, found.join('\n'));
  });

  it('a prepared module', () => {
    refused(rewriteModule(prepared(assemble('(memory 1)')).bytes), /"spell\.prepared" is reserved/);
  });

  it('components, other files and nothing at all', () => {
    refused(rewriteModule(Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0)), /component/);
    refused(rewriteModule(new TextEncoder().encode('#!/bin/sh')), /not a WebAssembly binary/);
    refused(rewriteModule(new Uint8Array()), /not a WebAssembly binary/);
    refused(rewriteModule(new Uint8Array(33 * 1024 * 1024)), /bytes of at most/);
  });

  it("what the engine refuses, in the engine's words", () => {
    const bytes = assemble('(func (export "run") (result i32) i32.const 1)');
    refused(rewriteModule(bytes.subarray(0, bytes.length - 1)), /is not valid: section .*extends past end/);
  });
});

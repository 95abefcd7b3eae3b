import assert from 'node:assert/strict';
import { it } from 'node:test';
import { rewriteModule } from '../../src/sandbox/instrument/index.js';
import { seeded } from './random-program.js';
import { assemble, engine, prepared } from './support.js';

const MUTATIONS = 1500;

const bytes = assemble(`
  (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
  (memory (export "memory") 1 8) (table 4 funcref) (elem (i32.const 0) func $f $f)
  (global (mut i64) (i64.const 5)) (tag $e (param i32)) (data $d "hello") (start $init)
  (func $init nop)
  (func $f (param i32 i64) (result i64) (local f64 i32 i32)
    block loop local.get 0 i32.eqz br_if 1 local.get 0 i32.const 1 i32.sub local.set 0 br 0 end end
    try i32.const 1 throw $e catch $e drop end
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 5))
    (drop (memory.grow (i32.const 1)))
    (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 2 3 4)))
    (if (result i64) (local.get 0) (then (local.get 1)) (else (i64.const -1))))
  (func (export "_start") (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call_indirect (param i32 i64) (result i64) (i32.const 1) (i64.const 2) (i32.const 0))))`);

function check(mutant: Uint8Array): boolean {
  const result = rewriteModule(mutant);
  if (!result.ok) {
    assert.ok(result.problems.length > 0);
    return false;
  }
  assert.ok(engine.validate(result.bytes));
  return true;
}

it('the unchanged module is prepared', () => assert.ok(prepared(bytes).ok));

it('a module cut off anywhere is a problem, not an exception', () => {
  for (let length = 0; length < bytes.length; length++) check(bytes.slice(0, length));
});

it('every single bit flipped is a problem or a valid module', () => {
  let accepted = 0;
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const mutant = Uint8Array.from(bytes);
    mutant[bit >> 3] = (mutant[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    if (check(mutant)) accepted++;
  }
  assert.ok(accepted > 100, `only ${accepted} mutants were valid`);
});

it('bytes overwritten, removed and inserted at random are a problem or a valid module', () => {
  const random = seeded(42);
  for (let round = 0; round < MUTATIONS; round++) {
    const mutant = [...bytes];
    for (let change = random(4); change >= 0; change--) {
      const position = 8 + random(mutant.length - 8);
      const inserted = Array.from({ length: random(3) }, () => random(256));
      mutant.splice(position, random(3), ...inserted);
    }
    check(Uint8Array.from(mutant));
  }
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import binaryen from 'binaryen';
import { rewriteModule } from '../../src/sandbox/instrument/index.js';
import { assemble, fuelOf, original, outcome, reasons, start, type GuestFunction } from './support.js';

// Of the two exception proposals, Node 24 has the newer behind a flag.
setFlagsFromString('--experimental-wasm-exnref');

/** Calls `run` of the original and of the prepared module: same results, same traps, same fuel each time. */
function same(bytes: Uint8Array, ...calls: (number | bigint)[][]): void {
  for (const parameters of calls) {
    const call = (guest: Record<string, GuestFunction>): string =>
      outcome(() => guest['run']?.(...parameters));
    const expected = call(original(bytes));
    assert.equal(call(start(bytes)), expected, `run(${parameters.join()})`);
    if (/Error|exception/.test(expected)) continue;
    const fuel = fuelOf(start(bytes), 'run', ...parameters);
    assert.ok(fuel > 0);
    assert.equal(fuelOf(start(bytes), 'run', ...parameters), fuel);
  }
}

const text = (fields: string, ...calls: (number | bigint)[][]): void => same(assemble(fields), ...calls);

function parsed(fields: string): Uint8Array {
  const module = binaryen.parseText(`(module ${fields} (func (export "_start")))`);
  module.setFeatures(binaryen.Features.All);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

describe('prepared modules behave as before', () => {
  it('arithmetic and traps', () =>
    text(
      '(func (export "run") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))',
      [7, 2],
      [7, 0],
      [-(2 ** 31), -1],
    ));

  it('memory access within and beyond', () =>
    text(
      '(memory (export "memory") 1) (func (export "run") (param i32) (result i64) (i64.store offset=4 (local.get 0) (i64.const -5)) (i64.load offset=4 (local.get 0)))',
      [0],
      [65_524],
      [65_525],
      [-1],
    ));

  it('bulk memory within and beyond', () =>
    text(
      `(memory (export "memory") 1) (data $d "hello")
      (func (export "run") (param i32) (result i32) (memory.init $d (i32.const 3) (i32.const 0) (local.get 0))
        (memory.copy (i32.const 100) (i32.const 3) (local.get 0)) (memory.fill (i32.const 101) (i32.const 9) (local.get 0)) (i32.load (i32.const 99)))`,
      [0],
      [4],
      [5],
      [6],
      [-1],
    ));

  it('growing and measuring memory', () =>
    text(
      '(memory (export "memory") 1 4) (func (export "run") (param i32) (result i32) (i32.add (i32.mul (i32.const 100) (memory.grow (local.get 0))) (memory.size)))',
      [0],
      [2],
      [9],
      [-1],
    ));

  it('tables and references', () =>
    text(
      `(table $t 4 10 funcref) (elem (i32.const 1) func $a $b) (elem $s func $b $a) (elem declare func $a)
      (func $a (result i32) i32.const 11) (func $b (result i32) i32.const 22)
      (func (export "run") (param i32) (result i32)
        (table.init $t $s (i32.const 0) (i32.const 0) (i32.const 1))
        (drop (table.grow $t (ref.func $a) (i32.const 2)))
        (table.set $t (i32.const 3) (table.get $t (i32.const 4)))
        (call_indirect $t (result i32) (local.get 0)))`,
      [0],
      [1],
      [2],
      [3],
      [5],
      [6],
      [-1],
    ));

  it('a call through a table with the wrong type', () =>
    text(
      '(table 1 funcref) (elem (i32.const 0) $a) (func $a) (func (export "run") (result i32) (call_indirect (result i32) (i32.const 0)))',
      [],
    ));

  it('several values', () =>
    text(
      '(func $two (result i32 i64) i32.const 1 i64.const 2) (func (export "run") (param i32) (result i64) call $two (block (param i32 i64) (result i64) (local.get 0) (br_if 0) (drop) (i64.extend_i32_s)))',
      [0],
    ));

  it('tail calls', () =>
    text(
      '(func $even (export "run") (param i32) (result i32) (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1)) (else (return_call $odd (i32.sub (local.get 0) (i32.const 1)))))) (func $odd (param i32) (result i32) (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0)) (else (return_call $even (i32.sub (local.get 0) (i32.const 1))))))',
      [10],
      [100_001],
    ));

  it('vectors', () =>
    text(
      `(memory (export "memory") 1) (func (export "run") (param i32) (result i32)
        (v128.store (i32.const 0) (i32x4.mul (i32x4.splat (local.get 0)) (v128.const i32x4 1 2 3 4)))
        (v128.store32_lane 2 (i32.const 40) (v128.load (i32.const 0)))
        (i32.add (i32.load (i32.const 40)) (i32x4.extract_lane 3 (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 0 1 2 3 (v128.load (i32.const 0)) (v128.load (i32.const 0))))))`,
      [1],
      [-7],
    ));

  it('sign extension and saturating conversion', () =>
    text(
      '(func (export "run") (param f64) (result i64) (i64.add (i64.extend8_s (i64.trunc_sat_f64_u (local.get 0))) (i64.trunc_sat_f64_s (local.get 0))))',
      [200],
      [-1e30],
      [NaN],
    ));

  it('extended constant expressions', () =>
    same(
      parsed(
        '(global $g i32 (i32.add (i32.const 2) (i32.mul (i32.const 3) (i32.const 4)))) (func (export "run") (result i32) (global.get $g))',
      ),
      [],
    ));

  it('exceptions of the first proposal', () =>
    text(
      `(tag $e (param i32)) (tag $f)
      (func $throws (param i32) (if (local.get 0) (then (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $f))) (throw $e (local.get 0)))))
      (func $rethrows (param i32) try (call $throws (local.get 0)) catch $e drop rethrow 0 end)
      (func (export "run") (param i32) (result i32)
        try (result i32) try (call $rethrows (local.get 0)) delegate 0 i32.const 100 catch $e catch_all i32.const 55 end)`,
      [0],
      [1],
      [2],
      [3],
    ));

  it('exceptions that nobody catches', () => text('(tag $e) (func (export "run") (throw $e))', []));

  it('exceptions of the second proposal', () =>
    same(
      parsed(`(tag $e (param i32)) (tag $f)
      (func $throws (param i32) (if (local.get 0) (then (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $f))) (throw $e (local.get 0)))))
      (func (export "run") (param i32) (result i32)
        (block $all (result exnref)
          (return (block $one (result i32)
            (try_table (catch $e $one) (catch_all_ref $all) (call $throws (local.get 0)))
            (i32.const 100))))
        (drop) (i32.const 7))`),
      [0],
      [1],
      [2],
      [3],
    ));

  it('catch clauses keep what the callee has taken before it threw', () => {
    const guest = start(
      parsed(`(tag $e)
      (func $thrower (nop) (nop) (nop) (throw $e))
      (func (export "run") (param i32) (result i32)
        (loop $again
          (block $caught (try_table (catch_all $caught) (call $thrower)))
          (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
          (br_if $again (local.get 0)))
        (loop $here
          (local.set 0 (i32.add (local.get 0) (i32.const 1)))
          (if (i32.lt_u (local.get 0) (i32.const 4))
            (then (try_table (catch $e $here) (call $thrower)))))
        (i32.const 1))`),
    );
    const thrown = 5 + 3 + 2000;
    assert.equal(fuelOf(guest, 'run', 10), 10 * (thrown + 4 + 2) + 3 * thrown + 4 * (4 + 4) + 1);
  });

  it('casts and branches on them', () =>
    same(
      parsed(`(func $make (param i32) (result anyref)
        (if (result anyref) (local.get 0) (then (ref.i31 (i32.const 7))) (else (ref.null any))))
      (func (export "run") (param i32) (result i32)
        (i31.get_u (block $yes (result (ref i31))
          (drop (br_on_cast $yes anyref (ref i31) (call $make (local.get 0))))
          (return (i32.const -1)))))`),
      [0],
      [1],
    ));

  it('structures and arrays are refused by name, in code, as types and where globals make them', () => {
    const modules = [
      `(type $point (struct (field i32))) (func (export "run") (drop (struct.new $point (i32.const 1))))`,
      `(type $list (array i32)) (func (export "run") (drop (array.new_default $list (i32.const 9))))`,
      `(type $list (array i32)) (global (ref $list) (array.new_default $list (i32.const 1000000)))`,
    ];
    for (const text of modules)
      assert.match(reasons(rewriteModule(parsed(text))).join(), /garbage-collected structures and arrays/);
  });

  it('calls through references', () =>
    same(
      parsed(`(type $f (func (param i32) (result i32))) (elem declare func $double)
      (func $double (type $f) (i32.mul (local.get 0) (i32.const 2)))
      (func (export "run") (param i32) (result i32) (call_ref $f (local.get 0) (ref.func $double)))`),
      [21],
    ));

  it('a table with an initial value', () =>
    same(
      parsed(`(type $f (func (result i32))) (func $a (type $f) (i32.const 4))
      (table $t 3 (ref $f) (ref.func $a))
      (func (export "run") (param i32) (result i32) (call_ref $f (table.get $t (local.get 0))))`),
      [2],
      [3],
    ));

  it('many locals, already grouped', () =>
    text(
      `(func (export "run") (param i64) (result i64) (local i32 i32 i64 f32 v128 funcref externref i64) (local.set 3 (local.get 0)) (i64.add (local.get 3) (local.get 8)))`,
      [5n],
    ));
});

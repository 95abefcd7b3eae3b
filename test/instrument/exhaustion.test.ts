import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assemble, engine, start, type GuestExports } from './support.js';

const exhausts = (fields: string, fuel = 1_000_000n): void => {
  const spent = (): bigint => {
    const exports = start(assemble(fields), fuel);
    assert.throws(() => exports['run']?.(), engine.RuntimeError);
    return exports.spell_fuel.value;
  };
  const first = spent();
  assert.ok(first < 0n, `${first} left`);
  assert.equal(spent(), first);
};

describe('fuel runs out', () => {
  it('in a loop that does nothing', () => exhausts('(func (export "run") loop br 0 end)'));

  it('in a loop around a block', () => exhausts('(func (export "run") loop block br 1 end end)'));

  it('in a loop with two ways back', () =>
    exhausts(
      '(global $g (mut i32) (i32.const 0)) (func (export "run") loop $l global.get $g if br $l else br $l end end)',
    ));

  it('in a loop through a branch table', () =>
    exhausts('(func (export "run") loop i32.const 0 br_table 0 0 end)'));

  it('in loops that repeat each other', () =>
    exhausts('(func (export "run") loop $a loop $b i32.const 1 br_if $b br $a end end)'));

  it('in a recursion by tail calls', () => exhausts('(func $f (export "run") return_call $f)'));

  it('in a recursion, when there is little', () => exhausts('(func $f (export "run") call $f)', 10_000n));

  it('through a table', () =>
    exhausts('(table funcref (elem $f)) (func $f (export "run") (return_call_indirect (i32.const 0)))'));

  it('in a handler that throws forever', () =>
    exhausts('(tag $e) (func (export "run") loop try throw $e catch_all br 1 end end)'));

  it('before a length is worked off', () => {
    const body =
      '(memory (export "memory") 1) (func (export "run") (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536)))';
    const exports = start(assemble(body), 4000n);
    assert.throws(() => exports['run']?.(), engine.RuntimeError);
    const memory = exports['memory'] as unknown as { buffer: ArrayBuffer };
    assert.equal(new Uint8Array(memory.buffer)[0], 0);
  });

  it('on credit only in a short function, and the host sees it', () => {
    const exports = start(assemble('(func (export "run") nop)'), 0n);
    exports['run']?.();
    assert.equal(exports.spell_fuel.value, -1n);
  });

  it('at once in a function that calls, when none was given', () => {
    const exports = start(assemble('(func $f) (func (export "run") call $f)'), 0n);
    assert.throws(() => exports['run']?.(), engine.RuntimeError);
  });

  it('and is exact at a trap', () => {
    const body = '(func (export "run") nop nop nop (drop (i32.div_s (i32.const 1) (i32.const 0))))';
    const exports = start(assemble(body), 1000n);
    assert.throws(() => exports['run']?.(), /divide by zero/);
    assert.equal(exports.spell_fuel.value, 1000n - 10n);
  });

  it('not through a handler of exceptions', () => {
    const body = '(func (export "run") try loop br 0 end catch_all end)';
    exhausts(body);
  });
});

describe('the host', () => {
  const imports = (during: (exports: () => GuestExports) => void, exports: () => GuestExports): object => ({
    wasi_snapshot_preview1: { sched_yield: () => (during(exports), 0) },
  });

  it('can take fuel during a call', () => {
    const body = `(import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32)))
      (func (export "run") (drop (call $y)) nop)`;
    let guest: GuestExports | undefined;
    const take = (): void => {
      (guest as GuestExports).spell_fuel.value = 10n;
    };
    guest = start(
      assemble(body),
      10_000n,
      imports(take, () => guest as GuestExports),
    );
    guest['run']?.();
    assert.equal(guest.spell_fuel.value, 10n);
  });

  it('sees exact fuel during a call', () => {
    const body = `(import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32)))
      (func (export "run") loop (drop (call $y)) br 0 end)`;
    const seen: bigint[] = [];
    let guest: GuestExports | undefined;
    const look = (): void => void seen.push((guest as GuestExports).spell_fuel.value);
    guest = start(
      assemble(body),
      30n,
      imports(look, () => guest as GuestExports),
    );
    assert.throws(() => guest?.['run']?.(), engine.RuntimeError);
    // A round that was begun with fuel is run on credit; the platform's host refuses a call that finds none.
    assert.deepEqual(seen, [23n, 16n, 9n, 2n, -5n]);
  });
});

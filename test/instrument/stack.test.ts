import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assemble, engine, PLENTY, STACK_BYTES, start, type GuestExports } from './support.js';

/** Runs until the stack has ended: the fuel that took, and what the guest counted in its global. */
function dig(guest: GuestExports, ...parameters: number[]): string {
  guest.spell_fuel.value = PLENTY;
  guest.spell_stack.value = STACK_BYTES;
  assert.throws(() => guest['run']?.(...parameters), engine.RuntimeError);
  assert.ok(guest.spell_stack.value < 0);
  return `${PLENTY - guest.spell_fuel.value} fuel, ${guest['depth']?.()} deep`;
}

const COUNT = `(global $depth (mut i32) (i32.const 0)) (func (export "depth") (result i32) global.get $depth)
  (func $deeper global.get $depth i32.const 1 i32.add global.set $depth)`;

describe('the stack ends at the same depth', () => {
  const cases: Record<string, string> = {
    'by calls': '(func $f (export "run") call $deeper call $f)',
    'by calls of each other': `(func $g call $f) (func $f (export "run") (local i64 f64) call $deeper call $g)`,
    'by calls through a table': `(table funcref (elem $f)) (func $f (export "run") call $deeper (call_indirect (i32.const 0)))`,
    'through a handler of exceptions': `(tag $e)
      (func $f (export "run") call $deeper try call $f catch_all end)`,
  };
  for (const [name, body] of Object.entries(cases)) {
    it(name, () => {
      const bytes = assemble(`${COUNT} ${body}`);
      const first = dig(start(bytes));
      for (let again = 0; again < 20; again++) assert.equal(dig(start(bytes)), first);
      // 96 bytes are the least a frame weighs.
      const depth = Number(/(\d+) deep/.exec(first)?.[1]);
      assert.ok(depth > STACK_BYTES / 400 && depth <= STACK_BYTES / 96, first);
    });
  }

  it('as vectors weigh, also when only signatures name them', () => {
    const vectors = 40;
    const parameters = `(param ${'v128 '.repeat(vectors)})`;
    const pass = Array.from({ length: vectors }, (_, index) => `local.get ${index}`).join(' ');
    const make = 'v128.const i64x2 1 2 '.repeat(vectors);
    const recursive = `${COUNT} (func $f ${parameters} call $deeper ${pass} call $f)
      (func (export "run") call $deeper call $go) (func $go ${make} call $f)`;
    const first = dig(start(assemble(recursive)));
    assert.equal(dig(start(assemble(recursive))), first);
    // The parameters, and as many operands.
    const depth = Number(/(\d+) deep/.exec(first)?.[1]);
    assert.ok(depth <= STACK_BYTES / (96 + 2 * 16 * vectors) + 2, first);
  });

  it('however well the engine has compiled it', () => {
    const guest = start(
      assemble(`${COUNT} (func $f (export "run") (param i32)
        (if (i32.eqz (local.get 0)) (then return)) call $deeper
        (call $f (i32.sub (local.get 0) (i32.const 1))))`),
    );
    const fuelOfDigging = (): bigint => {
      guest.spell_fuel.value = PLENTY;
      guest.spell_stack.value = STACK_BYTES;
      assert.throws(() => guest['run']?.(1_000_000), engine.RuntimeError);
      return PLENTY - guest.spell_fuel.value;
    };
    const cold = fuelOfDigging();
    for (let round = 0; round < 20_000; round++) {
      guest.spell_stack.value = STACK_BYTES;
      guest['run']?.(50);
    }
    assert.equal(fuelOfDigging(), cold);
  });
});

describe('the stack is given back', () => {
  const ends = (body: string, rounds: number): void => {
    const guest = start(assemble(body));
    guest['run']?.(rounds);
    assert.ok(guest.spell_stack.value > STACK_BYTES - 4096);
  };
  const again = 'local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0';

  it('when a call returns', () =>
    ends(
      `(func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "run") (param i32) loop (call $f (i32.const 9)) ${again} end)`,
      10_000,
    ));

  it('when a call throws', () =>
    ends(
      `(tag $e)
      (func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))) (else (throw $e))))
      (func (export "run") (param i32) loop try (call $f (i32.const 9)) catch_all end ${again} end)`,
      10_000,
    ));

  it('when a call takes the place of its caller', () =>
    ends(
      `(func $f (export "run") (param i32)
        (if (local.get 0) (then (return_call $f (i32.sub (local.get 0) (i32.const 1))))))`,
      100_000,
    ));
});

it('what cannot recurse is not counted', () => {
  const guest = start(assemble('(func $a) (func $b call $a call $a) (func (export "run") call $b call $b)'));
  guest.spell_stack.value = 0;
  guest['run']?.();
  assert.equal(guest.spell_stack.value, 0);
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seeded, type Random } from './random-program.js';
import { assemble, original, outcome, PLENTY, STACK_BYTES, start, type GuestFunction } from './support.js';

const PROGRAMS = 250;
const DEPTH_MAX = 4;
const STATEMENTS_MAX = 4;

const MODULE = `
  (memory (export "memory") 1 3) (data $d "some bytes that may be copied")
  (table $t 4 12 funcref) (elem $s func $twice $next) (elem (i32.const 0) func $twice $next)
  (tag $e (param i32)) (global $sum (mut i32) (i32.const 1))
  (func (export "sum") (result i32) global.get $sum)
  (func $mix (param i32) (global.set $sum (i32.add (i32.mul (global.get $sum) (i32.const 31)) (local.get 0))))
  (func $twice (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func $next (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $pair (param i32) (result i32 i64) local.get 0 i64.const 7)
  (func $down (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (return_call $down (i32.sub (local.get 0) (i32.const 1)))) (else (global.get $sum))))
  (func $thrower (param i32) (if (i32.and (local.get 0) (i32.const 1)) (then (throw $e (local.get 0)))))
  (func $deep (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.add (i32.const 3) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))`;

/** Each leaves the stack as it found it and mixes what it computed into the sum; some trap now and then. */
const PIECES: readonly ((random: Random) => string)[] = [
  (random) =>
    `(call $mix (i32x4.extract_lane 2 (i32x4.mul (i32x4.splat (global.get $sum)) (v128.const i32x4 1 2 ${random(9)} 4))))`,
  () =>
    '(v128.store (i32.const 64) (i8x16.swizzle (v128.load (i32.const 0)) (v128.load (i32.const 16)))) (call $mix (i32.load (i32.const 64)))',
  (random) =>
    `(memory.fill (i32.const 8) (global.get $sum) (i32.const ${random(40)})) (call $mix (i32.load (i32.const 12)))`,
  (random) =>
    `(memory.copy (i32.const ${random(9)}) (i32.const 3) (i32.const ${random(50)})) (call $mix (i32.load (i32.const 5)))`,
  (random) =>
    `(memory.init $d (i32.const 20) (i32.const 0) (i32.const ${random(31)})) (call $mix (i32.load (i32.const 22)))`,
  (random) => `(call $mix (memory.grow (i32.const ${random(2)})))`,
  (random) => `(table.init $t $s (i32.const ${random(4)}) (i32.const 0) (i32.const ${random(3)}))`,
  (random) =>
    `(table.set $t (i32.const ${random(4)}) (ref.func $next)) (call $mix (ref.is_null (table.get $t (i32.const 3))))`,
  () => '(call $mix (table.grow $t (ref.null func) (i32.const 1))) (call $mix (table.size $t))',
  (random) =>
    `(call $mix (call_indirect $t (param i32) (result i32) (global.get $sum) (i32.const ${random(2) + Number(random(9) === 0)})))`,
  () => '(call $pair (global.get $sum)) i32.wrap_i64 i32.add call $mix',
  (random) => `(call $mix (call $down (i32.const ${random(30)})))`,
  (random) => `(call $mix (call $deep (i32.const ${random(30)})))`,
  () => 'try (call $thrower (global.get $sum)) catch $e call $mix catch_all end',
  () => 'try try (call $thrower (global.get $sum)) catch_all rethrow 0 end catch $e call $mix end',
  () => 'try try (call $thrower (global.get $sum)) delegate 0 catch $e call $mix end',
  (random) => `(call $mix (i32.div_s (global.get $sum) (i32.const ${random(12)})))`,
  () => '(call $mix (i32.trunc_sat_f64_s (f64.sqrt (f64.convert_i32_u (global.get $sum)))))',
  (random) =>
    `i32.const 1 i32.const 2 block (param i32 i32) (result i32) i32.add (br_if 0 (i32.and (global.get $sum) (i32.const 1))) i32.const ${random(7)} i32.mul end call $mix`,
  () =>
    '(global.set $sum (i32.add (i32.load8_u (i32.and (global.get $sum) (i32.const 255))) (i32.const 77)))',
  (random) => `(i64.store (i32.const ${random(200)}) (i64.extend_i32_s (global.get $sum)))`,
];

function body(random: Random, depth: number): string {
  return Array.from({ length: 1 + random(STATEMENTS_MAX) }, () => statement(random, depth)).join('\n');
}

/** Loops end: each counts its rounds in a local of its level. */
function statement(random: Random, depth: number): string {
  const piece = PIECES[random(PIECES.length)] as (random: Random) => string;
  if (depth === DEPTH_MAX) return piece(random);
  const label = random(depth + 1);
  const isEven = '(i32.eqz (i32.and (global.get $sum) (i32.const 2)))';
  switch (random(9)) {
    case 0:
      return `block ${body(random, depth + 1)} end`;
    case 1:
      return `${isEven} if ${body(random, depth + 1)} else ${body(random, depth + 1)} end`;
    case 2:
    case 3: {
      const round = `(local.tee ${depth} (i32.sub (local.get ${depth}) (i32.const 1)))`;
      const inside =
        random(2) === 0
          ? body(random, depth + 1)
          : '(global.set $sum (i32.rotl (global.get $sum) (i32.const 3)))';
      return `(local.set ${depth} (i32.const ${1 + random(6)})) loop ${inside} ${round} br_if 0 end`;
    }
    case 4:
      return label === 0 ? piece(random) : `block ${isEven} br_if 0 ${body(random, depth + 1)} end`;
    default:
      return piece(random);
  }
}

it('random programs of all features do the same when metered, for the same fuel, to the last one', () => {
  const endings = new Map<string, number>();
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const locals = '(local i32 i32 i32 i32 i32)';
    const bytes = assemble(`${MODULE} (func (export "run") ${locals} ${body(seeded(seed), 0)})`);
    const end = (guest: Record<string, GuestFunction>): string =>
      `${outcome(() => guest['run']?.())}, sum ${guest['sum']?.()}`;
    const expected = end(original(bytes));
    const metered = start(bytes);
    assert.equal(end(metered), expected, `seed ${seed}`);
    const kind = expected.startsWith('undefined') ? 'returned' : 'trapped';
    endings.set(kind, (endings.get(kind) ?? 0) + 1);
    const fuel = PLENTY - metered.spell_fuel.value;
    const again = start(bytes);
    assert.equal(end(again), expected);
    assert.equal(PLENTY - again.spell_fuel.value, fuel);
    assert.ok(again.spell_stack.value > 0 && again.spell_stack.value <= STACK_BYTES);
    if (kind !== 'returned') continue;
    const enough = start(bytes, fuel);
    assert.equal(end(enough), expected);
    assert.equal(enough.spell_fuel.value, 0n);
    const tooLittle = start(bytes, fuel - 1n);
    assert.ok(end(tooLittle) !== expected || tooLittle.spell_fuel.value < 0n, `seed ${seed}`);
  }
  assert.ok((endings.get('returned') ?? 0) > PROGRAMS / 2);
  assert.ok((endings.get('trapped') ?? 0) > PROGRAMS / 50);
});

import assert from 'node:assert/strict';
import { command, forever, start, UNTIL_DEADLINE, writeText, type HostileGuest } from './hostile-guest.js';

const EXHAUSTED = { ends: ['TRAP'], message: /stack/ } as const;
const LOW_FUEL = { runtime: { max_fuel: 5_000_000 }, ends: ['FUEL_EXHAUSTED'] } as const;

const manyLocals = Array.from({ length: 1000 }, (_, index) => `(local $l${index} i64)`).join(' ');

/** Recursion in all its forms, and guests that catch what should end them. */
export const STACK_GUESTS: readonly HostileGuest[] = [
  {
    name: 'endless recursion',
    wasm: () => command([], '(func $down (call $down) (nop)) (func (export "_start") (call $down))'),
    ...EXHAUSTED,
  },
  {
    name: 'mutual recursion',
    wasm: () =>
      command(
        [],
        `(func $ping (param i32) (call $pong (i32.add (local.get 0) (i32.const 1))) (drop (i32.const 0)))
         (func $pong (param i32) (call $ping (local.get 0)) (drop (i32.const 0)))
         (func (export "_start") (call $ping (i32.const 0)))`,
      ),
    ...EXHAUSTED,
  },
  {
    name: 'recursion through a table',
    wasm: () =>
      command(
        [],
        `(type $f (func)) (table funcref (elem $down)) (func $down (call_indirect (type $f) (i32.const 0)) (nop))
         (func (export "_start") (call $down))`,
      ),
    ...EXHAUSTED,
  },
  {
    name: 'recursion with a thousand locals in each frame',
    wasm: () =>
      command(
        [],
        `(func $down ${manyLocals} (call $down) (local.set $l7 (i64.const 1))) (func (export "_start") (call $down))`,
      ),
    ...EXHAUSTED,
  },
  {
    name: 'recursion in the start function',
    wasm: () => command([], '(func $down (call $down) (nop)) (start $down) (func (export "_start"))'),
    ...EXHAUSTED,
  },
  {
    name: 'a catch_all around exhausted fuel',
    wasm: () => start([], forever(`(try (do ${forever('')}) (catch_all))`)),
    ...LOW_FUEL,
  },
  {
    name: 'a catch_all around fuel that a host call exhausts',
    wasm: () =>
      start(
        ['random_get'],
        forever('(try (do (drop (call $random_get (i32.const 0) (i32.const 65536)))) (catch_all))'),
      ),
    ...LOW_FUEL,
  },
  {
    name: 'a catch_all around an exhausted stack, over and over',
    wasm: () =>
      command(
        [],
        `(func $down (call $down) (nop))
         (func (export "_start") ${forever('(try (do (call $down)) (catch_all))')})`,
      ),
    // V8 lets no guest catch it today; should that change, the deadline ends it.
    runtime: UNTIL_DEADLINE.runtime,
    ends: ['TRAP', 'DEADLINE_EXCEEDED'],
  },
  {
    name: 'host calls at the end of the stack, caught over and over',
    wasm: () =>
      command(
        ['fd_write'],
        `(data (i32.const 512) "x\\n")
         (func $down
           (try (do ${writeText(1, 512, 2)} (call $down)) (catch_all (call $down))) (nop))
         (func (export "_start") ${forever('(try (do (call $down)) (catch_all))')})`,
      ),
    runtime: UNTIL_DEADLINE.runtime,
    ends: ['TRAP', 'DEADLINE_EXCEEDED', 'OUTPUT_TOO_LARGE'],
  },
  {
    name: 'a catch_all around proc_exit, and work after it',
    wasm: () =>
      command(
        ['proc_exit', 'fd_write'],
        `(data (i32.const 512) "after")
         (func (export "_start")
           (try (do (call $proc_exit (i32.const 9))) (catch_all))
           (try (do ${writeText(1, 512, 5)}) (catch_all))
           ${forever('')})`,
      ),
    ends: ['EXIT_NONZERO'],
    message: /code 9\b/,
  },
  {
    name: 'proc_exit(0) caught, then a trap',
    wasm: () => start(['proc_exit'], '(try (do (call $proc_exit (i32.const 0))) (catch_all)) (unreachable)'),
    ends: ['SUCCEEDED'],
    check: (output) => assert.equal(output.length, 0),
  },
  ...[
    [-1, /code 4294967295\b/],
    [256, /code 256\b/],
    [134, /code 134\b/],
  ].map(([code, message]) => ({
    name: `proc_exit(${String(code)})`,
    wasm: () => start(['proc_exit'], `(call $proc_exit (i32.const ${String(code)}))`),
    ends: ['EXIT_NONZERO'],
    message: message as RegExp,
  })),
  {
    name: 'an exception that nobody catches',
    wasm: () => command([], '(tag $oops (param i32)) (func (export "_start") (throw $oops (i32.const 1)))'),
    ends: ['TRAP'],
    message: /exception/,
  },
  {
    name: 'a function of another type, called through a table',
    wasm: () =>
      command(
        [],
        `(type $other (func (param i64))) (table funcref (elem $plain)) (func $plain)
         (func (export "_start") (call_indirect (type $other) (i64.const 1) (i32.const 0)))`,
      ),
    ends: ['TRAP'],
  },
];

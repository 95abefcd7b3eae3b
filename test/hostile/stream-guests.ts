import assert from 'node:assert/strict';
import {
  command,
  ENDLESS_FUEL,
  forever,
  start,
  UNTIL_DEADLINE,
  writeText,
  type HostileGuest,
} from './hostile-guest.js';

const flood = (descriptor: number, bytes: number) =>
  start(['fd_write'], forever(writeText(descriptor, 512, bytes)));

/** A thousand iovecs from 1024 on, each of them `length` bytes at `at`. */
const thousandVectors = (at: number, length: number) => `
  (local $i i32)
  (loop $next
    (i32.store (i32.add (i32.const 1024) (i32.mul (local.get $i) (i32.const 8))) (i32.const ${at}))
    (i32.store (i32.add (i32.const 1028) (i32.mul (local.get $i) (i32.const 8))) (i32.const ${length}))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (i32.const 1000))))`;

const runtime = { timeout_ms: 10_000, max_fuel: ENDLESS_FUEL, max_output_mb: 2, max_memory_mb: 64 };

/** Whatever writes more than anybody wants to read, or plays with the streams. */
export const STREAM_GUESTS: readonly HostileGuest[] = [
  { name: 'gigabytes of output', wasm: () => flood(1, 65_536), runtime, ends: ['OUTPUT_TOO_LARGE'] },
  {
    name: 'millions of writes of one byte',
    wasm: () => flood(1, 1),
    ...UNTIL_DEADLINE,
  },
  { name: 'writes of nothing, over and over', wasm: () => flood(1, 0), ...UNTIL_DEADLINE },
  { name: 'a flood of log', wasm: () => flood(2, 65_536), ...UNTIL_DEADLINE },
  { name: 'a flood of log, byte by byte', wasm: () => flood(2, 1), ...UNTIL_DEADLINE },
  {
    name: 'output and log in turns, byte by byte',
    wasm: () => start(['fd_write'], forever(`${writeText(1, 512, 1)} ${writeText(2, 512, 1)}`)),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'sixteen gigabytes of output in one call',
    wasm: () =>
      start(
        ['fd_write'],
        `${thousandVectors(0, 16_777_216)}
         (drop (call $fd_write (i32.const 1) (i32.const 1024) (i32.const 1000) (i32.const 8)))`,
        { pages: 256 },
      ),
    runtime,
    ends: ['OUTPUT_TOO_LARGE'],
  },
  {
    name: 'sixteen gigabytes of log in one call',
    wasm: () =>
      start(
        ['fd_write'],
        `${thousandVectors(0, 16_777_216)}
         (drop (call $fd_write (i32.const 2) (i32.const 1024) (i32.const 1000) (i32.const 8)))`,
        { pages: 256 },
      ),
    runtime,
    ends: ['SUCCEEDED'],
  },
  {
    name: 'stdin read into a thousand buffers that are one',
    wasm: () =>
      start(
        ['fd_read', 'fd_write'],
        `${thousandVectors(513, 3)}
         (drop (call $fd_read (i32.const 0) (i32.const 1024) (i32.const 1000) (i32.const 12001)))
         ${writeText(1, 513, 3)}`,
      ),
    input: 'abcdef',
    ends: ['SUCCEEDED'],
    check: (output) => assert.equal(output.toString(), 'def'),
  },
  {
    name: 'a result written over the list of buffers it belongs to',
    wasm: () =>
      start(
        ['fd_read', 'fd_write'],
        `(i32.store (i32.const 33) (i32.const 33)) (i32.store (i32.const 37) (i32.const 64))
         (drop (call $fd_read (i32.const 0) (i32.const 33) (i32.const 1) (i32.const 35)))
         ${writeText(1, 513, 1)}`,
      ),
    input: 'x'.repeat(100),
    ends: ['SUCCEEDED'],
    check: (output) => assert.equal(output.length, 1),
  },
  {
    name: 'a list of four thousand million buffers',
    wasm: () =>
      start(
        ['fd_write', 'proc_exit'],
        '(call $proc_exit (call $fd_write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 8)))',
      ),
    ends: ['EXIT_NONZERO'],
    message: /code (21|28)\b/,
  },
  {
    name: 'its streams closed, renumbered, and used all the same',
    wasm: () =>
      command(
        ['fd_close', 'fd_renumber', 'fd_write', 'fd_read'],
        `(data (i32.const 512) "to log")
         (func (export "_start")
           (drop (call $fd_renumber (i32.const 2) (i32.const 1)))
           ${writeText(1, 512, 6)} ${writeText(2, 512, 6)}
           (drop (call $fd_close (i32.const 0))) (drop (call $fd_close (i32.const 0)))
           (drop (call $fd_close (i32.const 1))) (drop (call $fd_close (i32.const 2))) (drop (call $fd_close (i32.const 3)))
           (drop (call $fd_renumber (i32.const 1) (i32.const 2)))
           ${writeText(1, 512, 6)} ${writeText(2, 512, 6)}
           (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24))))`,
      ),
    ends: ['SUCCEEDED'],
    check: (output) => assert.equal(output.length, 0, 'descriptor 1 was the log by then'),
  },
  {
    name: 'the bits of a NaN as output',
    wasm: () =>
      start(
        ['fd_write'],
        `(f64.store (i32.const 512) (f64.div (f64.const 0) (f64.const 0)))
         (f32.store (i32.const 520) (f32.reinterpret_i32 (i32.const 0x7fa00001)))
         (f64.store (i32.const 524) (f64.promote_f32 (f32.load (i32.const 520))))
         (v128.store (i32.const 532) (f32x4.add (v128.load (i32.const 520)) (f32x4.splat (f32.const nan))))
         ${writeText(1, 512, 36)}`,
      ),
    ends: ['SUCCEEDED'],
    // The format leaves the payload open; that they are NaN is all that can be said.
    check: (output) =>
      assert.ok(Number.isNaN(output.readDoubleLE(0)) && Number.isNaN(output.readDoubleLE(12))),
  },
  {
    name: 'a NaN as an integer',
    wasm: () => start([], '(drop (i32.trunc_f64_s (f64.const nan)))'),
    ends: ['TRAP'],
    message: /float unrepresentable/,
  },
];

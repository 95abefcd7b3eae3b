import { readFileSync } from 'node:fs';
import { command, writeText } from './hostile-guest.js';

/** A program whose run must come out the same wherever and whenever it is repeated. */
export interface DeterministicProgram {
  name: string;
  wasm: Uint8Array;
  maxFuel: number;
  input: string;
  ends: string;
}

/** Works through as many steps as the input says, and writes what it has after each of them. */
const work = (end: string) => `
  (func (export "_start") (local $i i32) (local $x i64)
    (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
    (local.set $x (i64.load (i32.const 1024)))
    (loop $step
      (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
      (i64.store (i32.const 512) (i64.or (local.get $x) (i64.const 0x4040404040404040)))
      (i64.store (i32.const 512) (i64.and (i64.load (i32.const 512)) (i64.const 0x5f5f5f5f5f5f5f5f)))
      ${writeText(1, 512, 8)} ${writeText(2, 513, 3)}
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $step (i32.lt_u (local.get $i) (i32.const 200))))
    ${end})`;

const STREAMS = ['fd_read', 'fd_write'];

/** Asks for the time and for random bytes, sleeps, does as much work as a random byte says, and tells what it saw. */
const CLOCKS = command(
  ['fd_write', 'clock_time_get', 'random_get', 'poll_oneoff'],
  `(func $letter (param $at i32)
     (i32.store8 (local.get $at) (i32.add (i32.const 65) (i32.and (i32.load8_u (local.get $at)) (i32.const 15)))))
   (func (export "_start") (local $i i32) (local $n i32)
     (drop (call $random_get (i32.const 600) (i32.const 32)))
     (local.set $n (i32.mul (i32.load8_u (i32.const 600)) (i32.const 100)))
     (loop $spin
       (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 632)))
       (br_if $spin (i32.ge_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
     (i32.store (i32.const 80) (i32.const 1)) (i64.store (i32.const 88) (i64.const 1500000))
     (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 160)))
     (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 632)))
     (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 640)))
     (drop (call $clock_time_get (i32.const 2) (i64.const 1) (i32.const 648)))
     (loop $next
       (call $letter (i32.add (i32.const 600) (local.get $i)))
       (local.set $i (i32.add (local.get $i) (i32.const 1)))
       (br_if $next (i32.lt_u (local.get $i) (i32.const 56))))
     ${writeText(1, 600, 56)} ${writeText(2, 600, 32)})`,
);

export const DETERMINISTIC_PROGRAMS: readonly DeterministicProgram[] = [
  {
    name: 'one compiled from C',
    wasm: readFileSync('test/instrument/c-programs/program-O2.wasm'),
    maxFuel: 100_000_000,
    input: '',
    ends: 'EXIT_NONZERO',
  },
  {
    name: 'one that writes output and log in turns',
    wasm: command(STREAMS, work('')),
    maxFuel: 100_000_000,
    input: 'seed of work',
    ends: 'SUCCEEDED',
  },
  {
    name: 'one that traps',
    wasm: command(STREAMS, work('(drop (i64.div_s (local.get $x) (i64.const 0)))')),
    maxFuel: 100_000_000,
    input: 'seed of work',
    ends: 'TRAP',
  },
  {
    name: 'one that runs out of fuel in the middle of its work',
    wasm: command(STREAMS, work('')),
    maxFuel: 31_234,
    input: 'seed of work',
    ends: 'FUEL_EXHAUSTED',
  },
  {
    name: 'one that exhausts its stack',
    wasm: command(STREAMS, `(func $down (call $down) (nop)) ${work('(call $down)')}`),
    maxFuel: 100_000_000,
    input: 'seed of work',
    ends: 'TRAP',
  },
  {
    name: 'one that reads clocks and random bytes',
    wasm: CLOCKS,
    maxFuel: 100_000_000,
    input: '',
    ends: 'SUCCEEDED',
  },
];

import { assemble } from '../../support/packages.js';

/** Commands that pass one limit each, in text form. */

const WASI = {
  fd_write: '(param i32 i32 i32 i32) (result i32)',
  path_open: '(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)',
  poll_oneoff: '(param i32 i32 i32 i32) (result i32)',
  proc_exit: '(param i32)',
  clock_time_get: '(param i32 i64 i32) (result i32)',
  random_get: '(param i32 i32) (result i32)',
} as const;

/** A command of a few lines, with what it needs of WASI and an iovec at 0 of 1 KiB from 1024 on. */
function command(names: (keyof typeof WASI)[], body: string): Uint8Array {
  const imports = names.map(
    (name) => `(import "wasi_snapshot_preview1" "${name}" (func $${name} ${WASI[name]}))`,
  );
  return assemble(`(module ${imports.join('\n')} (memory (export "memory") 1)
    (data (i32.const 0) "\\00\\04\\00\\00\\00\\04\\00\\00") (data (i32.const 512) "file") ${body})`);
}

const repeat = (times: number, body: string): string =>
  `(local.set $i (i32.const ${times}))
   (loop $more ${body} (br_if $more (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))`;

/** Writes 4 KiB to stderr. */
export const TALKER = command(
  ['fd_write'],
  `(func (export "_start") (local $i i32)
    ${repeat(4, '(drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))')})`,
);

/** Writes twenty times, and sleeps for a moment after each, so that each is a piece of its own. */
export const STUTTERER = command(
  ['fd_write', 'poll_oneoff'],
  `(func (export "_start") (local $i i32)
    (i32.store (i32.const 80) (i32.const 1))
    ${repeat(
      20,
      `(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
       (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 160)))`,
    )})`,
);

/** Sleeps 20 ms twenty times: long by the clock, and next to nothing of CPU time. */
export const SLEEPER = command(
  ['poll_oneoff'],
  `(func (export "_start") (local $i i32)
    (i32.store (i32.const 80) (i32.const 1)) (i64.store (i32.const 88) (i64.const 20000000))
    ${repeat(20, '(drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 160)))')})`,
);

/** Fills a new file in the second folder, which is /tmp, and exits with the error number that ends it. */
export const FILLER = command(
  ['fd_write', 'path_open', 'proc_exit'],
  `(func (export "_start") (local $errno i32)
    (local.set $errno (call $path_open (i32.const 4) (i32.const 0) (i32.const 512) (i32.const 4)
      (i32.const 1) (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 16)))
    (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
    (loop $more
      (local.set $errno (call $fd_write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $more (i32.eqz (local.get $errno))))
    (call $proc_exit (local.get $errno)))`,
);

/** Calls itself ten thousand times. */
export const DIGGER = command(
  [],
  `(func $dig (param $left i32) (result i32)
    (if (result i32) (local.get $left)
      (then (i32.add (i32.const 1) (call $dig (i32.sub (local.get $left) (i32.const 1)))))
      (else (i32.const 0))))
   (func (export "_start") (drop (call $dig (i32.const 10000))))`,
);

/** Writes what the clock says and then sixteen random bytes. */
export const CHANCE = command(
  ['fd_write', 'clock_time_get', 'random_get'],
  `(func (export "_start")
    (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 1024)))
    (drop (call $random_get (i32.const 1032) (i32.const 16)))
    (i32.store (i32.const 4) (i32.const 24))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))`,
);

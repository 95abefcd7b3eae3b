/** Small WASI commands in text form, one for each thing that a cast can do. */

const IMPORTS = `
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))`;

/** Writes memory[at, at + length) to a descriptor, all of it. */
const WRITE = `
  (func $write (param $fd i32) (param $at i32) (param $length i32)
    (loop $again
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (local.get $length))
      (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
      (local.set $length (i32.sub (local.get $length) (i32.load (i32.const 8))))
      (br_if $again (local.get $length))))`;

/** Sleeps for a number of milliseconds. */
const SLEEP = `
  (func $sleep (param $ms i64)
    (i64.store (i32.const 64) (i64.const 7))
    (i32.store8 (i32.const 72) (i32.const 0))
    (i32.store (i32.const 80) (i32.const 1))
    (i64.store (i32.const 88) (i64.mul (local.get $ms) (i64.const 1000000)))
    (i64.store (i32.const 96) (i64.const 0))
    (i32.store16 (i32.const 104) (i32.const 0))
    (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 160))))`;

const module = (body: string, pages = 2) => `(module ${IMPORTS} (memory (export "memory") ${pages}) ${WRITE} ${SLEEP} ${body})`;

export const GUESTS = {
  /** Copies stdin to stdout, 64 KiB at a time. */
  echo: module(`
    (func (export "_start")
      (loop $more
        (i32.store (i32.const 16) (i32.const 1024))
        (i32.store (i32.const 20) (i32.const 65536))
        (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
        (if (i32.load (i32.const 24))
          (then (call $write (i32.const 1) (i32.const 1024) (i32.load (i32.const 24))) (br $more)))))`),

  /** Writes "tick <letter>" forty times, 20 ms apart, alternating stdout and stderr. */
  ticker: module(`
    (data (i32.const 512) "tick \\00\\n")
    (func (export "_start") (local $i i32)
      (loop $more
        (i32.store8 (i32.const 517) (i32.add (i32.const 48) (local.get $i)))
        (call $write (i32.add (i32.const 1) (i32.and (local.get $i) (i32.const 1))) (i32.const 512) (i32.const 7))
        (call $sleep (i64.const 20))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $i) (i32.const 40))))))`),

  /** Says "started" on stderr and never ends. */
  endless: module(`
    (data (i32.const 512) "started\\n")
    (func (export "_start")
      (call $write (i32.const 2) (i32.const 512) (i32.const 8))
      (loop $forever (br $forever)))`),

  /** Sleeps three seconds, then writes "done". */
  sleeper: module(`
    (data (i32.const 512) "done")
    (func (export "_start")
      (call $sleep (i64.const 3000))
      (call $write (i32.const 1) (i32.const 512) (i32.const 4)))`),

  /** Writes 300 KiB of zero bytes: more than fits into a row. */
  big: module(
    `(func (export "_start") (call $write (i32.const 1) (i32.const 65536) (i32.const 307200)))`,
    8,
  ),

  /** Writes zero bytes until it is stopped. */
  flood: module(`
    (func (export "_start") (loop $forever (call $write (i32.const 1) (i32.const 1024) (i32.const 65536)) (br $forever)))`),

  /** Exits with code 3. */
  exit3: module(`(func (export "_start") (call $proc_exit (i32.const 3)))`),

  /** Traps. */
  trap: module(`(func (export "_start") unreachable)`),

  /** Grows its memory until it cannot, then traps. */
  hungry: module(`
    (func (export "_start")
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
      unreachable)`),

  /** Writes a multi-byte character in two halves, 50 ms apart. */
  halves: module(`
    (data (i32.const 512) "\\e2\\82\\ac")
    (func (export "_start")
      (call $write (i32.const 1) (i32.const 512) (i32.const 1))
      (call $sleep (i64.const 50))
      (call $write (i32.const 1) (i32.const 513) (i32.const 2)))`),
} as const;

export type GuestName = keyof typeof GUESTS;

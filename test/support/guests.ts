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

const module = (body: string, pages = 2, imports = '') =>
  `(module ${IMPORTS} ${imports} (memory (export "memory") ${pages}) ${WRITE} ${SLEEP} ${body})`;

const ENVIRONMENT_IMPORTS = `
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))`;

const OPEN_IMPORT = `
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))`;

/** Copies everything a descriptor has to stdout, 64 KiB at a time. */
const COPY = `
  (func $copy (param $fd i32)
    (loop $more
      (i32.store (i32.const 16) (i32.const 65536))
      (i32.store (i32.const 20) (i32.const 65536))
      (drop (call $fd_read (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 24)))
      (if (i32.load (i32.const 24))
        (then (call $write (i32.const 1) (i32.const 65536) (i32.load (i32.const 24))) (br $more)))))`;

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
        (br_if $more (i32.lt_u (local.get $i) (i32.const 40)))))`),

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
  big: module(`(func (export "_start") (call $write (i32.const 1) (i32.const 65536) (i32.const 307200)))`, 8),

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

  /** Writes "tick <letter>" ten times, 10 ms apart, alternating stdout and stderr: a ticker for many casts. */
  quick: module(`
    (data (i32.const 512) "tick \\00\\n")
    (func (export "_start") (local $i i32)
      (loop $more
        (i32.store8 (i32.const 517) (i32.add (i32.const 48) (local.get $i)))
        (call $write (i32.add (i32.const 1) (i32.and (local.get $i) (i32.const 1))) (i32.const 512) (i32.const 7))
        (call $sleep (i64.const 10))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $i) (i32.const 10)))))`),

  /** Writes its arguments, a line feed, and its environment; each entry ends with NUL. */
  environment: module(
    `(data (i32.const 512) "\\n")
     (func (export "_start")
       (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
       (drop (call $args_get (i32.const 1024) (i32.const 8192)))
       (if (i32.load (i32.const 20)) (then (call $write (i32.const 1) (i32.const 8192) (i32.load (i32.const 20)))))
       (call $write (i32.const 1) (i32.const 512) (i32.const 1))
       (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
       (drop (call $environ_get (i32.const 1024) (i32.const 8192)))
       (if (i32.load (i32.const 20)) (then (call $write (i32.const 1) (i32.const 8192) (i32.load (i32.const 20))))))`,
    2,
    ENVIRONMENT_IMPORTS,
  ),

  /** Takes a path below /resources as input and writes that file; exits with the error number if it cannot. */
  resource: module(
    `${COPY}
     (func (export "_start") (local $error i32)
       (i32.store (i32.const 16) (i32.const 1024))
       (i32.store (i32.const 20) (i32.const 1024))
       (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
       (local.set $error (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.load (i32.const 24))
         (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 28)))
       (if (local.get $error) (then (call $proc_exit (local.get $error))))
       (call $copy (i32.load (i32.const 28))))`,
    2,
    OPEN_IMPORT,
  ),

  /** Grows its memory by 16 MiB and writes "grown", or traps. */
  grower: module(`
    (data (i32.const 512) "grown")
    (func (export "_start")
      (if (i32.eq (memory.grow (i32.const 256)) (i32.const -1)) (then unreachable))
      (call $write (i32.const 1) (i32.const 512) (i32.const 5)))`),

  /** Writes exactly 50 MiB of the letter "a". */
  largest: module(`
    (func (export "_start") (local $i i32)
      (memory.fill (i32.const 1024) (i32.const 97) (i32.const 65536))
      (loop $more
        (call $write (i32.const 1) (i32.const 1024) (i32.const 65536))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $i) (i32.const 800)))))`),
} as const;

export type GuestName = keyof typeof GUESTS;

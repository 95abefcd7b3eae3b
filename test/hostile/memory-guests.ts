import { command, ENDLESS_FUEL, forever, SHORT_MS, start, type HostileGuest } from './hostile-guest.js';

const MEMORY_MB = 32;
const PAGES_ALLOWED = (MEMORY_MB * 1024) / 64;
const runtime = { max_memory_mb: MEMORY_MB, max_fuel: ENDLESS_FUEL, timeout_ms: 5_000 };

/** Grows by so many pages at a time, writes to each, and traps when it gets no more. */
const growing = (pages: number) =>
  start(
    [],
    `(local $at i32)
     (loop $more
       (local.set $at (memory.grow (i32.const ${pages})))
       (if (i32.ne (local.get $at) (i32.const -1))
         (then (i64.store (i32.mul (local.get $at) (i32.const 65536)) (i64.const -1)) (br $more))))
     (unreachable)`,
  );

const tables = Array.from({ length: 20 }, (_, index) => `(table $t${index} 0 funcref)`).join(' ');
const growTables = Array.from(
  { length: 20 },
  (_, index) =>
    `(if (i32.eq (table.grow $t${index} (ref.null func) (i32.const 400000)) (i32.const -1)) (then (unreachable)))`,
).join(' ');

/** Whatever wants more memory than it may have. */
export const MEMORY_GUESTS: readonly HostileGuest[] = [
  { name: 'memory grown page by page, and used', wasm: () => growing(1), runtime, ends: ['MEMORY_EXCEEDED'] },
  { name: 'memory grown by 4 GiB at once', wasm: () => growing(65_535), runtime, ends: ['MEMORY_EXCEEDED'] },
  {
    name: 'memory grown exactly to the limit, and used',
    wasm: () =>
      start(
        [],
        `(if (i32.eq (memory.grow (i32.const ${PAGES_ALLOWED - 2})) (i32.const -1)) (then (unreachable)))
         (memory.fill (i32.const 0) (i32.const 7) (i32.const ${PAGES_ALLOWED * 65_536}))`,
      ),
    runtime,
    ends: ['SUCCEEDED'],
  },
  {
    name: 'a gigabyte of memory, all of it used',
    wasm: () =>
      start(
        [],
        `(if (i32.eq (memory.grow (i32.const 16382)) (i32.const -1)) (then (unreachable)))
         (memory.fill (i32.const 0) (i32.const 7) (i32.const 1073741824))`,
      ),
    runtime: { ...runtime, max_memory_mb: 1024, timeout_ms: 20_000 },
    ends: ['SUCCEEDED'],
  },
  {
    name: 'memory asked for over and over when there is none',
    wasm: () => start([], forever('(drop (memory.grow (i32.const 60000)))')),
    runtime: { ...runtime, timeout_ms: SHORT_MS },
    ends: ['DEADLINE_EXCEEDED'],
  },
  {
    name: 'a table grown until there is no more',
    wasm: () =>
      command(
        [],
        `(table $t 0 funcref)
         (func (export "_start")
           (loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 100000)) (i32.const -1))))
           (unreachable))`,
      ),
    runtime,
    ends: ['MEMORY_EXCEEDED', 'TRAP'],
  },
  {
    name: 'a table grown by 4 thousand million elements at once',
    wasm: () =>
      command(
        [],
        `(table $t 0 externref)
         (func (export "_start")
           (if (i32.eq (table.grow $t (ref.null extern) (i32.const -2)) (i32.const -1)) (then (unreachable))))`,
      ),
    runtime,
    ends: ['MEMORY_EXCEEDED', 'TRAP'],
  },
  {
    name: 'twenty tables grown side by side',
    wasm: () => command([], `${tables} (func (export "_start") ${growTables} (unreachable))`),
    runtime,
    ends: ['MEMORY_EXCEEDED', 'TRAP'],
  },
  {
    name: 'a read past the end of memory',
    wasm: () => start([], '(drop (i64.load offset=4294967295 (i32.const -1)))'),
    ends: ['TRAP'],
    message: /out of bounds/,
  },
];

import { command, forever, start, UNTIL_DEADLINE, writeText, type HostileGuest } from './hostile-guest.js';

const STARTED = '(data (i32.const 512) "started\\n")';

/** A subscription at 64: clock 0, a timeout, relative. */
const subscribe = (timeoutNs: string) => `
  (i64.store (i32.const 64) (i64.const 7)) (i32.store8 (i32.const 72) (i32.const 0))
  (i32.store (i32.const 80) (i32.const 0)) (i64.store (i32.const 88) (i64.const ${timeoutNs}))
  (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 160)))`;

/** Whatever never ends by itself. */
export const ENDLESS_GUESTS: readonly HostileGuest[] = [
  { name: 'an endless loop', wasm: () => start([], forever('')), ...UNTIL_DEADLINE },
  {
    name: 'an endless loop with little fuel',
    wasm: () => start([], forever('')),
    runtime: { max_fuel: 1_000_000 },
    ends: ['FUEL_EXHAUSTED'],
  },
  {
    name: 'an endless loop in the start function',
    wasm: () => command([], `(func $first ${forever('')}) (start $first) (func (export "_start"))`),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'endless tail calls',
    wasm: () => command([], '(func $on (return_call $on)) (func (export "_start") (call $on))'),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'a fill of all its memory over and over',
    wasm: () =>
      start([], forever('(memory.fill (i32.const 0) (i32.const 1) (i32.const 67108864))'), { pages: 1024 }),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'exceptions thrown in a loop',
    wasm: () =>
      command([], `(tag $oops) (func (export "_start") ${forever('(try (do (throw $oops)) (catch_all))')})`),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'exceptions that unwind a thousand frames each, in a loop',
    wasm: () =>
      command(
        [],
        `(tag $oops (param i64 i64 i64 i64))
         (func $deep (param $n i32)
           (if (i32.eqz (local.get $n)) (then (throw $oops (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4))))
           (try (do (call $deep (i32.sub (local.get $n) (i32.const 1)))) (catch_all (rethrow 0))))
         (func (export "_start") ${forever('(try (do (call $deep (i32.const 1000))) (catch_all))')})`,
      ),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'the clock asked over and over',
    wasm: () =>
      start(
        ['clock_time_get'],
        forever('(drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 8)))'),
      ),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'random bytes by the megabyte, over and over',
    wasm: () =>
      start(['random_get'], forever('(drop (call $random_get (i32.const 0) (i32.const 4194304)))'), {
        pages: 64,
      }),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'a sleep of 584 years',
    wasm: () => start(['poll_oneoff'], subscribe('-1')),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'sleeps of no time, over and over',
    wasm: () => start(['poll_oneoff'], forever(subscribe('0'))),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'yields, over and over',
    wasm: () => start(['sched_yield'], forever('(drop (call $sched_yield))')),
    ...UNTIL_DEADLINE,
  },
  {
    name: 'stdin read on and on after its end',
    wasm: () =>
      start(
        ['fd_read'],
        `(i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 65536))
         ${forever('(drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))')}`,
      ),
    input: 'only this',
    ...UNTIL_DEADLINE,
  },
  {
    name: 'one that ignores its cancellation',
    wasm: () =>
      command(['fd_write'], `${STARTED} (func (export "_start") ${writeText(2, 512, 8)} ${forever('')})`),
    runtime: { ...UNTIL_DEADLINE.runtime, timeout_ms: 60_000 },
    ends: ['CANCELED'],
    isCanceled: true,
  },
  {
    name: 'one that sleeps through its cancellation',
    wasm: () =>
      command(
        ['fd_write', 'poll_oneoff'],
        `${STARTED} (func (export "_start") ${writeText(2, 512, 8)} ${forever(subscribe('-1'))})`,
      ),
    runtime: { ...UNTIL_DEADLINE.runtime, timeout_ms: 60_000 },
    ends: ['CANCELED'],
    isCanceled: true,
  },
];

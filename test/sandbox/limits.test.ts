import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SandboxPool } from '../../src/sandbox/index.js';
import {
  ECHO,
  ENDLESS,
  HELLO_ENDLESS,
  TRIVIAL,
  WRITE,
  cast,
  failureCode,
  preparedModule,
  withPool,
} from './fixtures.js';

const pool = new SandboxPool({ size: 1, maxCastsPerProcess: 1000 });
before(() => pool.start());
after(() => pool.stop());

const GROW = `(func $grow (param $pages i32)
  (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1))
    (then (global.set $grow_failed (i32.const 1)) unreachable)))`;

/** Writes one byte to a descriptor for ever. */
function chatter(descriptor: number): Buffer {
  return preparedModule(
    ['fd_write'],
    `${WRITE} (data (i32.const 100) "x")
    (func (export "_start") (local $left i32) (local.set $left (i32.const 5000))
      (loop $more
        (call $write (i32.const ${descriptor}) (i32.const 100) (i32.const 1))
        (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))`,
  );
}

test('output beyond its limit ends the run, with exactly the limit delivered', async () => {
  const done = await cast(pool, ECHO, { input: Buffer.alloc(100_000), limits: { maxOutputBytes: 70_000 } });
  assert.equal(failureCode(done), 'OUTPUT_TOO_LARGE');
  assert.equal(done.output.length, 70_000);
});

test('output of exactly the limit succeeds', async () => {
  const done = await cast(pool, ECHO, { input: Buffer.alloc(70_000), limits: { maxOutputBytes: 70_000 } });
  assert.equal(done.kind, 'succeeded');
});

test('logs beyond their limit are dropped with one line that says so', async () => {
  const done = await cast(pool, chatter(2), { limits: { maxLogBytes: 1_000 } });
  assert.equal(done.kind, 'succeeded');
  assert.match(done.log.toString(), /^x{1000}\n\[spell: the log passed its limit of 1000 bytes; .*\]\n$/);
});

test('an endless loop is killed at its deadline', async () => {
  const done = await cast(pool, ENDLESS, { limits: { timeoutMs: 200 } });
  assert.equal(failureCode(done), 'DEADLINE_EXCEEDED');
});

test('no cast is killed before its deadline, not by part of a millisecond', async () => {
  for (let round = 0; round < 20; round++) {
    const done = await cast(pool, ENDLESS, { limits: { timeoutMs: 10 } });
    assert.equal(failureCode(done), 'DEADLINE_EXCEEDED');
    assert.ok(done.durationMs >= 10, `round ${round}: ${done.durationMs} ms`);
  }
});

test('what was written before the deadline is delivered', async () => {
  const done = await cast(pool, HELLO_ENDLESS, { limits: { timeoutMs: 100 } });
  assert.equal(done.output.toString(), 'hello');
});

test('after a kill the next cast finds a warm process', async () => {
  while (pool.stats().idle < 2) await delay(10);
  await cast(pool, ENDLESS, { limits: { timeoutMs: 50 } });
  assert.ok(pool.stats().idle >= 1, 'the spare is there before its replacement can be');
  assert.equal((await cast(pool, TRIVIAL)).kind, 'succeeded');
});

test('cancel kills an endless loop at once', async () => {
  const canceled = new AbortController();
  const done = await cast(pool, HELLO_ENDLESS, {
    signal: canceled.signal,
    onOutput: () => {
      canceled.abort();
    },
  });
  assert.equal(done.kind, 'canceled');
});

test('a run canceled before it began never loads its module', async () => {
  const done = await cast(pool, preparedModule([], '(func (export "_start") nop nop)'), {
    signal: AbortSignal.abort(),
  });
  assert.equal(done.kind, 'canceled');
  assert.equal(done.loads, 0);
});

test('a cancel does not wait for a slow loader', async () => {
  const done = await cast(pool, TRIVIAL, {
    moduleDigest: 'sha256:slow',
    loadModule: () => new Promise(() => undefined),
    signal: AbortSignal.timeout(20),
  });
  assert.equal(done.kind, 'canceled');
});

test('growing beyond the memory limit is told apart from other traps', async () => {
  const module = preparedModule([], `${GROW} (func (export "_start") (call $grow (i32.const 2000)))`);
  const done = await cast(pool, module, { limits: { maxMemoryBytes: 16 * 65_536 } });
  assert.equal(failureCode(done), 'MEMORY_EXCEEDED');
});

test('growing within the limit counts in the peak', async () => {
  const module = preparedModule([], `${GROW} (func (export "_start") (call $grow (i32.const 15)))`);
  const done = await cast(pool, module, { limits: { maxMemoryBytes: 16 * 65_536 } });
  assert.equal(done.kind, 'succeeded');
  assert.equal(done.memoryPeakBytes, 16 * 65_536);
});

test('a module that starts beyond the memory limit never runs', async () => {
  const module = preparedModule([], '(func (export "_start"))', 32);
  const done = await cast(pool, module, { limits: { maxMemoryBytes: 16 * 65_536 } });
  assert.equal(failureCode(done), 'MEMORY_EXCEEDED');
});

test('casts may fill the largest memory one after the other: dead memory does not pile up', async () => {
  const module = preparedModule(
    [],
    `${GROW} (func (export "_start") (call $grow (i32.const 3839))
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 251658240)))`,
  );
  await withPool({ size: 1, maxGuestMemoryBytes: 2 ** 28 }, async (small) => {
    for (let round = 0; round < 8; round += 1) {
      const done = await cast(small, module, { limits: { maxMemoryBytes: 2 ** 28 } });
      assert.equal(done.kind, 'succeeded');
    }
  });
});

test('spent fuel is told apart from other traps, and all of it is used', async () => {
  const module = preparedModule([], '(func (export "_start") (global.set 0 (i64.const -5)) unreachable)');
  const done = await cast(pool, module, { limits: { maxFuel: 1_000n } });
  assert.equal(failureCode(done), 'FUEL_EXHAUSTED');
  assert.equal(done.fuelUsed, 1_000n);
});

test('host calls use fuel', async () => {
  const done = await cast(pool, chatter(1), { limits: { maxFuel: 100_000n } });
  assert.equal(failureCode(done), 'FUEL_EXHAUSTED');
  assert.equal(done.fuelUsed, 100_000n);
});

test('a guest that catches its own end gets nothing more', async () => {
  const module = preparedModule(
    ['fd_write', 'proc_exit'],
    `${WRITE} (data (i32.const 100) "x")
    (func (export "_start")
      (try (do (call $proc_exit (i32.const 3))) (catch_all))
      (call $write (i32.const 1) (i32.const 100) (i32.const 1)))`,
  );
  const done = await cast(pool, module);
  assert.equal(failureCode(done), 'EXIT_NONZERO');
  assert.equal(done.output.length, 0);
});

test('limits that no process could keep are refused', async () => {
  await assert.rejects(cast(pool, TRIVIAL, { limits: { maxMemoryBytes: 2 ** 40 } }), RangeError);
  await assert.rejects(cast(pool, TRIVIAL, { limits: { timeoutMs: Infinity } }), RangeError);
  await assert.rejects(cast(pool, TRIVIAL, { limits: { timeoutMs: 2 ** 31 - 1 } }), RangeError);
  assert.equal((await cast(pool, TRIVIAL, { limits: { timeoutMs: 2 ** 31 - 2 } })).kind, 'succeeded');
  await assert.rejects(cast(pool, TRIVIAL, { limits: { maxFuel: 2n ** 63n } }), RangeError);
});

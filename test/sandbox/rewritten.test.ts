import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import loadWabt from 'wabt';
import { SandboxPool, rewriteModule } from '../../src/sandbox/index.js';
import { cast, failureCode } from './fixtures.js';

/** The way of every published module: rewritten by our own instrumentation, then run. */
const wabt = await loadWabt();
const pool = new SandboxPool({ size: 2, maxCastsPerProcess: 1000 });
before(() => pool.start());
after(() => pool.stop());

function rewritten(source: string): Buffer {
  const module = wabt.parseWat('guest.wat', source);
  const prepared = rewriteModule(module.toBinary({}).buffer);
  module.destroy();
  assert.ok(prepared.ok, JSON.stringify(prepared));
  return Buffer.from(prepared.bytes);
}

const HELLO = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "hello")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 100))
    (i32.store (i32.const 4) (i32.const 5))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`;

test('a rewritten program says hello, for the same fuel in every process', async () => {
  const module = rewritten(HELLO);
  const done = await Promise.all(Array.from({ length: 8 }, () => cast(pool, module)));
  assert.deepEqual(new Set(done.map(({ output }) => output.toString())), new Set(['hello']));
  assert.equal(new Set(done.map(({ fuelUsed }) => fuelUsed)).size, 1);
});

test('an endless loop runs out of fuel', async () => {
  const module = rewritten(
    '(module (memory (export "memory") 1) (func (export "_start") (loop $on (br $on))))',
  );
  const done = await cast(pool, module, { limits: { maxFuel: 1_000_000n } });
  assert.equal(failureCode(done), 'FUEL_EXHAUSTED');
  assert.equal(done.fuelUsed, 1_000_000n);
});

test('a memory that cannot grow is named as the reason of the trap', async () => {
  const module = rewritten(`(module (memory (export "memory") 1) (func (export "_start")
    (if (i32.eq (memory.grow (i32.const 4000)) (i32.const -1)) (then unreachable))))`);
  const done = await cast(pool, module, { limits: { maxMemoryBytes: 2 ** 20 } });
  assert.equal(failureCode(done), 'MEMORY_EXCEEDED');
});

test('a start function is metered like the rest', async () => {
  const module = rewritten(`(module (memory (export "memory") 1)
    (func $begin (loop $on (br $on))) (start $begin) (func (export "_start")))`);
  const done = await cast(pool, module, { limits: { maxFuel: 1_000_000n } });
  assert.equal(failureCode(done), 'FUEL_EXHAUSTED');
});

test('a module without memory runs', async () => {
  assert.equal((await cast(pool, rewritten('(module (func (export "_start")))'))).kind, 'succeeded');
});

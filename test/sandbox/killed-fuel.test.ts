import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import loadWabt from 'wabt';
import { rewriteModule, SandboxPool } from '../../src/sandbox/index.js';
import { cast, failureCode } from './fixtures.js';

const wabt = await loadWabt();
const pool = new SandboxPool({ size: 2, maxCastsPerProcess: 1000 });
before(() => pool.start());
after(() => pool.stop());

function rewritten(body: string): Buffer {
  const module = wabt.parseWat('guest.wat', `(module (memory (export "memory") 1) ${body})`);
  const prepared = rewriteModule(module.toBinary({}).buffer);
  module.destroy();
  assert.ok(prepared.ok, JSON.stringify(prepared));
  return Buffer.from(prepared.bytes);
}

const ENDLESS = rewritten('(func (export "_start") (loop $on (br $on)))');

test('a cast killed at its deadline has used what it had last reported', async () => {
  const done = await cast(pool, ENDLESS, { limits: { timeoutMs: 500 } });
  assert.equal(failureCode(done), 'DEADLINE_EXCEEDED');
  assert.ok((done.fuelUsed ?? 0n) > 8_000_000n, String(done.fuelUsed));
});

test('a canceled cast has used what it had last reported', async () => {
  const cancel = new AbortController();
  setTimeout(() => cancel.abort(), 500).unref();
  const done = await cast(pool, ENDLESS, { signal: cancel.signal });
  assert.equal(done.kind, 'canceled');
  assert.ok((done.fuelUsed ?? 0n) > 8_000_000n, String(done.fuelUsed));
});

test('reports change nothing: fuel ends at the same point with and without them', async () => {
  const counting = rewritten(`(func (export "_start") (local i32)
    (loop $on (i32.store (i32.const 0) (local.tee 0 (i32.add (local.get 0) (i32.const 1)))) (br $on)))`);
  const ended = await Promise.all(
    [1, 2, 3].map(() => cast(pool, counting, { limits: { maxFuel: 300_000_001n } })),
  );
  for (const done of ended) {
    assert.equal(failureCode(done), 'FUEL_EXHAUSTED');
    assert.equal(done.fuelUsed, 300_000_001n);
  }
});

test('a recursion ends at its stack limit, for the same fuel in every process', async () => {
  const digging = rewritten(
    '(func $f (param i64) (call $f (local.get 0))) (func (export "_start") (call $f (i64.const 0)))',
  );
  const dig = (maxStackBytes: number) => cast(pool, digging, { limits: { maxStackBytes } });
  const ended = await Promise.all([dig(2 ** 20), dig(2 ** 20), dig(2 ** 20), dig(2 ** 20)]);
  for (const done of ended) {
    assert.equal(failureCode(done), 'TRAP');
    assert.equal(done.kind === 'failed' && done.message, 'call stack exhausted');
  }
  assert.equal(new Set(ended.map(({ fuelUsed }) => fuelUsed)).size, 1);
  const [shallow] = ended;
  const deep = await dig(8 * 2 ** 20);
  assert.equal(failureCode(deep), 'TRAP');
  assert.ok((deep.fuelUsed ?? 0n) > 7n * (shallow?.fuelUsed ?? 0n));
  assert.ok((deep.fuelUsed ?? 0n) < 1_000_000_000n, 'the counted stack ended, not the engine’s');
});

test('a run over its fuel by the last straight piece of code has used all of it', async () => {
  const done = await cast(pool, rewritten('(func (export "_start") nop nop nop)'), {
    limits: { maxFuel: 2n },
  });
  assert.equal(failureCode(done), 'FUEL_EXHAUSTED');
  assert.equal(done.fuelUsed, 2n);
});

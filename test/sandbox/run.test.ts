import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { SandboxPool } from '../../src/sandbox/index.js';
import { ECHO, TRIVIAL, WRITE, cast, failureCode, preparedModule } from './fixtures.js';

const pool = new SandboxPool({ size: 2, maxCastsPerProcess: 1000 });
before(() => pool.start());
after(() => pool.stop());

test('a guest reads its input and writes its output', async () => {
  const done = await cast(pool, ECHO, { input: Buffer.from('hello, wizard') });
  assert.equal(done.kind, 'succeeded');
  assert.equal(done.output.toString(), 'hello, wizard');
  assert.equal(done.memoryPeakBytes, 65_536);
  assert.ok(done.fuelUsed !== null && done.fuelUsed > 0n);
});

test('eight megabytes come back as they went in', async () => {
  const input = randomBytes(8 * 1024 * 1024);
  const done = await cast(pool, ECHO, { input });
  assert.equal(done.kind, 'succeeded');
  assert.ok(done.output.equals(input));
});

test('the same module and input use the same fuel', async () => {
  const first = await cast(pool, ECHO, { input: Buffer.alloc(100_000) });
  const second = await cast(pool, ECHO, { input: Buffer.alloc(100_000) });
  assert.equal(first.fuelUsed, second.fuelUsed);
});

test('a million one-byte writes arrive whole, in few chunks', async () => {
  const module = preparedModule(
    ['fd_write'],
    `${WRITE} (data (i32.const 100) "x")
    (func (export "_start") (local $left i32) (local.set $left (i32.const 1000000))
      (loop $more
        (call $write (i32.const 1) (i32.const 100) (i32.const 1))
        (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))`,
  );
  const done = await cast(pool, module);
  assert.equal(done.output.length, 1_000_000);
  assert.ok(done.outputChunks < 5_000, `${done.outputChunks} chunks`);
});

test('an exit code other than zero is a failure that carries it', async () => {
  const module = preparedModule(['proc_exit'], '(func (export "_start") (call $proc_exit (i32.const 42)))');
  const done = await cast(pool, module);
  assert.equal(failureCode(done), 'EXIT_NONZERO');
  assert.equal(done.kind === 'failed' && done.exitCode, 42);
});

test('proc_exit with zero succeeds', async () => {
  const module = preparedModule(
    ['proc_exit'],
    '(func (export "_start") (call $proc_exit (i32.const 0)) unreachable)',
  );
  assert.equal((await cast(pool, module)).kind, 'succeeded');
});

test('a trap is a failure with its reason', async () => {
  const done = await cast(pool, preparedModule([], '(func (export "_start") unreachable)'));
  assert.equal(failureCode(done), 'TRAP');
  assert.match(done.kind === 'failed' ? done.message : '', /unreachable/);
});

test('endless recursion is a trap', async () => {
  const module = preparedModule([], '(func $f (export "_start") (call $f) (call $f))');
  const done = await cast(pool, module, { limits: { maxFuel: 500n } });
  assert.equal(failureCode(done), 'TRAP');
  assert.equal(done.kind === 'failed' && done.message, 'call stack exhausted');
  assert.equal(done.fuelUsed, 500n, 'how deep it got must not show');
});

test('endless recursion through host calls leaves the process sane', async () => {
  const module = preparedModule(
    ['fd_write'],
    `${WRITE} (data (i32.const 100) "x")
    (func $f (export "_start") (call $write (i32.const 1) (i32.const 100) (i32.const 1)) (call $f) (call $f))`,
  );
  assert.equal(failureCode(await cast(pool, module)), 'TRAP');
  assert.equal((await cast(pool, ECHO, { input: Buffer.from('ok') })).output.toString(), 'ok');
});

test('the start function runs before _start', async () => {
  const module = preparedModule(
    ['fd_write'],
    `${WRITE} (data (i32.const 100) "start command")
    (func (export "spell_start") (call $write (i32.const 1) (i32.const 100) (i32.const 6)))
    (func (export "_start") (call $write (i32.const 1) (i32.const 106) (i32.const 7)))`,
    1,
    true,
  );
  assert.equal((await cast(pool, module)).output.toString(), 'start command');
});

test('memory is fresh in every cast', async () => {
  const module = preparedModule(
    [],
    `(global $seen (mut i32) (i32.const 0))
    (func (export "_start")
      (if (i32.or (i32.load (i32.const 512)) (global.get $seen)) (then unreachable))
      (global.set $seen (i32.const 1))
      (i32.store (i32.const 512) (i32.const 7)))`,
  );
  for (let round = 0; round < 3; round += 1) assert.equal((await cast(pool, module)).kind, 'succeeded');
});

test('a module is loaded once for many casts', async () => {
  const module = preparedModule([], '(func (export "_start") nop)');
  let loads = 0;
  for (let round = 0; round < 5; round += 1) loads += (await cast(pool, module)).loads;
  assert.equal(loads, 1);
});

test('a module that was never prepared is our mistake, not the guest’s', async () => {
  const plain = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  assert.equal((await cast(pool, plain)).kind, 'lost');
  assert.equal((await cast(pool, TRIVIAL)).kind, 'succeeded');
});

test('an import nobody offers is a policy violation', async () => {
  const module = preparedModule([], '(func (export "_start"))');
  const patched = Buffer.from(module.toString('latin1').replace('_start', '_stArt'), 'latin1');
  assert.equal(failureCode(await cast(pool, patched)), 'POLICY_VIOLATION');
});

test('a loader that fails rejects the run, and the pool goes on', async () => {
  const failing = cast(pool, TRIVIAL, {
    moduleDigest: 'sha256:absent',
    loadModule: () => Promise.reject(new Error('no such module')),
  });
  await assert.rejects(failing, /no such module/);
  assert.equal((await cast(pool, TRIVIAL)).kind, 'succeeded');
});

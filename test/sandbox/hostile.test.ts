import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SandboxPool } from '../../src/sandbox/index.js';
import { FrameReader } from '../../src/sandbox/wire/frame-reader.js';
import { TRIVIAL, cast, failureCode, preparedModule } from './fixtures.js';

const pool = new SandboxPool({ size: 1, maxCastsPerProcess: 1000, maxGuestMemoryBytes: 2 ** 28 });
before(() => pool.start());
after(() => pool.stop());

test('a guest that fills its process with table entries is out of memory, and the pool goes on', async () => {
  const tables = Array.from({ length: 100 }, () => '(table 0 funcref)').join('');
  const grows = Array.from(
    { length: 100 },
    (_, table) => `(drop (table.grow ${table} (ref.null func) (i32.const 10000000)))`,
  ).join('');
  const module = preparedModule([], `${tables} (func (export "_start") ${grows})`);
  const code = failureCode(await cast(pool, module));
  assert.ok(['MEMORY_EXCEEDED', 'succeeded'].includes(code), code);
  assert.equal((await cast(pool, TRIVIAL)).kind, 'succeeded');
});

test('a host function imported with another signature ends the guest only', async () => {
  const module = preparedModule(['sched_yield'], '(func (export "_start") (drop (call $sched_yield)))');
  // The result type of sched_yield becomes i64: what the host answers no longer fits.
  const types = module.indexOf(Buffer.from([0x60, 0x00, 0x01, 0x7f]));
  const patched = Buffer.from(module);
  patched[types + 3] = 0x7e;
  assert.equal(failureCode(await cast(pool, patched)), 'TRAP');
  assert.equal((await cast(pool, TRIVIAL)).kind, 'succeeded');
});

test('a stream that is not ours is refused, however it is cut', () => {
  const frames: string[] = [];
  const reader = new FrameReader((type, payload) => frames.push(`${type}:${payload.toString()}`));
  for (const byte of Buffer.from('\x02\x02\0\0\0ab\x04\x01\0\0\0c', 'latin1'))
    reader.push(Buffer.from([byte]));
  assert.deepEqual(frames, ['2:ab', '4:c']);
  assert.throws(() => reader.push(Buffer.from([2, 0xff, 0xff, 0xff, 0xff])), /a frame of/);
});

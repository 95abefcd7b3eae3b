import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SandboxPool } from '../../src/sandbox/index.js';
import { cast, failureCode, preparedModule, withPool } from './fixtures.js';

const PAGES = 3;
const BYTES = PAGES * 65_536;

/** Fills all of its memory, then ends as it is told. */
const stain = (ending: string, imports: string[] = []) =>
  preparedModule(
    imports,
    `(func $deeper (call $deeper))
    (func (export "_start")
      (memory.fill (i32.const 0) (i32.const 0xaa) (i32.const ${BYTES}))
      ${ending})`,
    PAGES,
  );

const STAINS: Record<string, Buffer> = {
  succeeded: stain(''),
  TRAP: stain('unreachable'),
  EXIT_NONZERO: stain('(call $proc_exit (i32.const 3))', ['proc_exit']),
  'TRAP by the stack': stain('(call $deeper)'),
  'succeeded with more': stain(
    `(drop (memory.grow (i32.const 2))) (memory.fill (i32.const ${BYTES}) (i32.const 0xaa) (i32.const 131072))`,
  ),
};

/** Traps at the first byte that is not zero, and when it has more or less memory than it asked for. */
const inspector = (pages = PAGES, other = '') =>
  preparedModule(
    [],
    `${other} (func (export "_start") (local $at i32)
      (if (i32.ne (memory.size) (i32.const ${pages})) (then unreachable))
      (loop $next
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
        (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const ${pages * 65_536}))))
      (if (i32.ne (memory.grow (i32.const 1)) (i32.const ${pages})) (then unreachable))
      (if (i64.ne (i64.load (i32.const ${pages * 65_536})) (i64.const 0)) (then unreachable)))`,
    pages,
  );

const oneProcess = (use: (pool: SandboxPool) => Promise<void>) =>
  withPool({ spares: 0 }, async (pool) => {
    await use(pool);
    assert.equal(pool.stats().spawned, 1, 'all of it happened in one process');
  });

for (const [ending, module] of Object.entries(STAINS)) {
  test(`nothing of a guest that ended with ${ending} is left for the next, whoever it is`, () =>
    oneProcess(async (pool) => {
      for (let round = 0; round < 3; round += 1) {
        assert.equal(failureCode(await cast(pool, module)), ending.split(' ')[0]);
        assert.equal((await cast(pool, inspector())).kind, 'succeeded');
        await cast(pool, module);
        assert.equal((await cast(pool, inspector(PAGES, '(func $another)'))).kind, 'succeeded');
      }
    }));
}

test('a guest that may grow less far than the one before cannot grow farther', () =>
  oneProcess(async (pool) => {
    const grow = preparedModule(
      [],
      '(func (export "_start") (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable)))',
      1,
    );
    const within = (pages: number) => cast(pool, grow, { limits: { maxMemoryBytes: pages * 65_536 } });
    await cast(pool, inspector(1), { limits: { maxMemoryBytes: 64 * 65_536 } });
    await cast(pool, preparedModule([], '(func (export "_start"))'), {
      limits: { maxMemoryBytes: 64 * 65_536 },
    });
    assert.equal((await within(64)).kind, 'succeeded');
    assert.equal((await within(8)).kind, 'failed');
    assert.equal((await within(17)).kind, 'succeeded');
  }));

test('many casts of one module leave the memory of the process as it was', () =>
  oneProcess(async (pool) => {
    const module = stain('');
    for (let round = 0; round < 500; round += 1) {
      const done = await cast(pool, module);
      assert.deepEqual([done.kind, done.memoryPeakBytes], ['succeeded', BYTES]);
    }
    assert.equal((await cast(pool, inspector())).kind, 'succeeded');
  }));

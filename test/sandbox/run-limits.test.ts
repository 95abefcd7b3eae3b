import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { SandboxPool, temporaryTrees, type SandboxRun } from '../../src/sandbox/index.js';
import { ENDLESS, TRIVIAL, WRITE, cast, failureCode, preparedModule, withPool } from './fixtures.js';
import { guestsOf, sandboxSessions } from './processes.js';

const pool = new SandboxPool({ size: 1, maxCastsPerProcess: 1000 });
before(() => pool.start());
after(() => pool.stop());

const WRITE_TO = (descriptor: number, bytes: number): string =>
  `(call $write (i32.const ${descriptor}) (i32.const 1024) (i32.const ${bytes}))`;

/** Writes `times` times and sleeps for no time after each, so that each is a piece. */
function stutterer(times: number): Buffer {
  return preparedModule(
    ['fd_write', 'poll_oneoff'],
    `${WRITE} (func (export "_start") (local $left i32) (local.set $left (i32.const ${times}))
      (i32.store (i32.const 80) (i32.const 1))
      (loop $more
        ${WRITE_TO(1, 3)} ${WRITE_TO(2, 3)}
        (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 160)))
        (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))`,
  );
}

describe('events', () => {
  test('as many pieces as allowed, and the last of each stream besides', async () => {
    const module = preparedModule(
      ['fd_write', 'poll_oneoff'],
      `${WRITE} (func (export "_start")
        (i32.store (i32.const 80) (i32.const 1))
        ${WRITE_TO(1, 3)} ${WRITE_TO(2, 3)}
        (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 160)))
        ${WRITE_TO(1, 3)} ${WRITE_TO(2, 3)})`,
    );
    const done = await cast(pool, module, { limits: { maxEvents: 2 } });
    assert.equal(done.kind, 'succeeded');
    assert.deepEqual([done.output.length, done.log.length], [6, 6]);
  });

  test('one more ends the run, and what was sent before stays sent', async () => {
    const done = await cast(pool, stutterer(10), { limits: { maxEvents: 7 } });
    assert.equal(failureCode(done), 'OUTPUT_TOO_LARGE');
    assert.match(done.kind === 'failed' ? done.message : '', /in more pieces than its limit of events/);
    assert.equal(done.output.length + done.log.length, 7 * 3);
  });

  test('a guest that writes large pieces and never sleeps is counted too', async () => {
    const module = preparedModule(
      ['fd_write'],
      `${WRITE} (func (export "_start") (loop $more ${WRITE_TO(1, 60_000)} (br $more)))`,
    );
    const done = await cast(pool, module, { limits: { maxEvents: 5 } });
    assert.equal(failureCode(done), 'OUTPUT_TOO_LARGE');
    assert.equal(done.outputChunks, 5);
  });

  test('output that fails for its pieces is not output that succeeds with less', async () => {
    const module = preparedModule(
      ['fd_write', 'poll_oneoff'],
      `${WRITE} (func (export "_start")
        (i32.store (i32.const 80) (i32.const 1))
        ${WRITE_TO(1, 20_000)} ${WRITE_TO(1, 20_000)})`,
    );
    assert.equal(failureCode(await cast(pool, module, { limits: { maxEvents: 1 } })), 'OUTPUT_TOO_LARGE');
    assert.equal((await cast(pool, module, { limits: { maxEvents: 2 } })).output.length, 40_000);
  });

  test('the pieces of a cast are the same in every run, however busy the machine is', async () => {
    const module = preparedModule(
      ['fd_write'],
      `${WRITE} (func (export "_start") (local $left i32) (local $length i32)
        (local.set $left (i32.const 20000))
        (loop $more
          (local.set $length (i32.rem_u (i32.mul (local.get $left) (i32.const 7919)) (i32.const 300)))
          (call $write (i32.and (local.get $left) (i32.const 1)) (i32.const 1024) (local.get $length))
          (call $write (i32.const 2) (i32.const 1024) (i32.and (local.get $left) (i32.const 3)))
          (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))`,
    );
    const piecesOf = async (): Promise<string> => {
      const pieces: string[] = [];
      const onOutput = (chunk: Buffer): number => pieces.push(`o${chunk.length}`);
      const onLog = (chunk: Buffer): number => pieces.push(`l${chunk.length}`);
      const limits = { maxLogBytes: 1_000_000 };
      assert.equal((await cast(pool, module, { onOutput, onLog, limits })).kind, 'succeeded');
      return pieces.join();
    };
    const first = await piecesOf();
    assert.ok(first.split(',').length > 20, first);
    const busy = Array.from({ length: 4 }, () => cast(pool, ENDLESS, { limits: { timeoutMs: 30 } }));
    for (let round = 0; round < 5; round += 1) assert.equal(await piecesOf(), first);
    await Promise.all(busy);
  });
});

describe('CPU time', () => {
  test('an endless loop is ended by it long before its deadline', async () => {
    const done = await cast(pool, ENDLESS, { limits: { timeoutMs: 60_000, maxCpuMs: 50 } });
    assert.equal(failureCode(done), 'DEADLINE_EXCEEDED');
    assert.match(done.kind === 'failed' ? done.message : '', /more than 50 ms of CPU time/);
    assert.ok(done.durationMs >= 40, String(done.durationMs));
  });

  test('what earlier casts of the process used does not count', async () => {
    const spin = preparedModule(
      [],
      `(func (export "_start") (local $left i32) (local.set $left (i32.const 30000000))
        (loop $on (br_if $on (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))`,
    );
    await withPool({ size: 1, spares: 0 }, async (single) => {
      for (let round = 0; round < 3; round += 1) {
        const done = await cast(single, spin, { limits: { timeoutMs: 60_000, maxCpuMs: 30_000 } });
        assert.equal(done.kind, 'succeeded');
      }
    });
  });
});

describe('what a run brings along', () => {
  const resources: Partial<SandboxRun> = {
    resourcesDigest: 'sha256:limited',
    loadResources: async () =>
      new Map([
        ['a', Buffer.alloc(10)],
        ['b', Buffer.alloc(20)],
      ]),
  };
  for (const [what, run, fits, exceeds] of [
    ['arguments', { args: ['name', 'ab', 'c'] }, { maxArgumentBytes: 5 }, { maxArgumentBytes: 4 }],
    ['environment', { env: { A: 'ü' } }, { maxEnvironmentBytes: 5 }, { maxEnvironmentBytes: 4 }],
    ['bytes of resources', resources, { maxResourceBytes: 30 }, { maxResourceBytes: 29 }],
    ['files of resources', resources, { maxResourceFiles: 2 }, { maxResourceFiles: 1 }],
  ] as const) {
    test(`${what}: to the last one, in a cold process and in a warm one`, async () => {
      await withPool({ size: 1, spares: 0 }, async (single) => {
        const codeUnder = async (limits: object): Promise<string> =>
          failureCode(await cast(single, TRIVIAL, { ...run, limits }));
        assert.equal(await codeUnder(exceeds), 'POLICY_VIOLATION');
        assert.equal(await codeUnder(fits), 'succeeded');
        assert.equal(await codeUnder(exceeds), 'POLICY_VIOLATION');
      });
    });
  }
});

describe('a process after a large guest', () => {
  const GROW = (pages: number): string =>
    `(if (i32.eq (memory.grow (i32.const ${pages})) (i32.const -1))
      (then (global.set $grow_failed (i32.const 1)) unreachable))`;

  test('a breach of memory replaces it', async () => {
    await withPool({ size: 1, spares: 0 }, async (single) => {
      const module = preparedModule([], `(func (export "_start") ${GROW(100)})`);
      const done = await cast(single, module, { limits: { maxMemoryBytes: 10 * 65_536 } });
      assert.equal(failureCode(done), 'MEMORY_EXCEEDED');
      assert.equal((await cast(single, TRIVIAL)).kind, 'succeeded');
      assert.deepEqual([single.stats().spawned, single.stats().killed], [2, 1]);
    });
  });

  test(
    'the memory of a guest that ended goes back to the system',
    { skip: process.platform !== 'linux' },
    async () => {
      const fill = preparedModule(
        [],
        `(func (export "_start") ${GROW(3199)}
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 209715200)))`,
      );
      await withPool({ size: 1, spares: 0 }, async (single) => {
        const residentMb = (): number => {
          const [pid] = guestsOf(sandboxSessions(process.pid).slice(-1));
          const status = readFileSync(`/proc/${pid}/status`, 'utf8');
          return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
        };
        await cast(single, TRIVIAL);
        const beforeMb = residentMb();
        assert.equal((await cast(single, fill, { limits: { maxMemoryBytes: 2 ** 28 } })).kind, 'succeeded');
        // The process collects its garbage after it has answered; it answers the next one after that.
        await cast(single, TRIVIAL);
        assert.ok(residentMb() < beforeMb + 64, `${beforeMb} MB before, ${residentMb()} MB after 200 MB`);
        assert.equal(single.stats().spawned, 1);
      });
    },
  );
});

describe('/tmp and real mode', () => {
  const clockAndChance = preparedModule(
    ['fd_write', 'clock_time_get', 'clock_res_get', 'random_get'],
    `${WRITE} (func (export "_start")
      (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 1024)))
      (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 1032)))
      (drop (call $clock_time_get (i32.const 2) (i64.const 0) (i32.const 1040)))
      (drop (call $clock_res_get (i32.const 1) (i32.const 1048)))
      (drop (call $random_get (i32.const 1056) (i32.const 32)))
      ${WRITE_TO(1, 64)})`,
  );
  const read = async (choices: Parameters<typeof cast>[2]) => {
    const { output, fuelUsed } = await cast(pool, clockAndChance, choices);
    const [realtimeNs, monotonicNs, cpuNs, resolutionNs] = [0, 8, 16, 24].map((at) =>
      output.readBigUInt64LE(at),
    );
    return {
      realtimeNs,
      monotonicNs,
      cpuNs,
      resolutionNs,
      chance: output.subarray(32).toString('hex'),
      fuelUsed,
    };
  };

  test('real: the host’s time and chance, with the fuel of any other run', async () => {
    const beforeMs = BigInt(Date.now());
    const first = await read({ mode: 'real', clockStartNs: 5n, randomSeed: Buffer.from('seed') });
    const second = await read({ mode: 'real', clockStartNs: 5n, randomSeed: Buffer.from('seed') });
    const realtimeMs = (first.realtimeNs ?? 0n) / 1_000_000n;
    assert.ok(realtimeMs >= beforeMs && realtimeMs <= BigInt(Date.now()));
    assert.ok((first.monotonicNs ?? 0n) % 1_000n === 0n, 'no finer than a microsecond');
    assert.notEqual(first.chance, second.chance);
    const seeded = await read({ clockStartNs: 5n, randomSeed: Buffer.from('seed') });
    assert.equal(first.fuelUsed, seeded.fuelUsed);
    assert.deepEqual(seeded, await read({ clockStartNs: 5n, randomSeed: Buffer.from('seed') }));
  });

  test('/tmp is a tree of the run alone, and none at 0', () => {
    assert.deepEqual(temporaryTrees(0), []);
    assert.deepEqual(temporaryTrees(5), [
      { guestPath: '/tmp', files: new Map(), isWritable: true, maxBytes: 5 },
    ]);
  });
});

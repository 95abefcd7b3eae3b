import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { SandboxBusyError, SandboxPool, SandboxStoppedError } from '../../src/sandbox/index.js';
import { ENDLESS, HELLO_ENDLESS, TRIVIAL, cast, preparedModule, withPool } from './fixtures.js';
import { guestsOf, membersOf, sandboxSessions } from './processes.js';

test('a hundred casts in a row share their processes', async () => {
  await withPool({ size: 1 }, async (pool) => {
    const took: number[] = [];
    for (let round = 0; round < 100; round += 1) {
      const started = performance.now();
      assert.equal((await cast(pool, TRIVIAL)).kind, 'succeeded');
      took.push(performance.now() - started);
    }
    assert.equal(pool.stats().spawned, 2);
    const median = took.toSorted((a, b) => a - b)[50] ?? Infinity;
    console.log(`a trivial cast takes ${median.toFixed(3)} ms (median of 100)`);
  });
});

test('a process is replaced after its share of casts', async () => {
  await withPool({ size: 1, maxCastsPerProcess: 2 }, async (pool) => {
    for (let round = 0; round < 8; round += 1) assert.equal((await cast(pool, TRIVIAL)).kind, 'succeeded');
    // Four were used up; those of the last casts may still be on their way out.
    while (pool.stats().killed < 4) await delay(10);
  });
});

test('a run that asks for it gets a process that no cast has used', async () => {
  await withPool({ size: 1 }, async (pool) => {
    for (let round = 0; round < 3; round += 1)
      assert.equal((await cast(pool, TRIVIAL, { needsFreshProcess: true })).kind, 'succeeded');
    // Two were there, and each run wanted one of its own.
    assert.ok(pool.stats().spawned >= 3, JSON.stringify(pool.stats()));
    assert.equal((await cast(pool, TRIVIAL)).kind, 'succeeded');
  });
});

test('a process killed from outside loses its cast, and the pool recovers', async () => {
  await withPool({ size: 1 }, async (pool) => {
    const running = cast(pool, HELLO_ENDLESS, {
      onOutput: () => {
        for (const pid of guestsOf(sandboxSessions(process.pid))) process.kill(pid, 'SIGKILL');
      },
    });
    assert.equal((await running).kind, 'lost');
    while (pool.stats().idle < 2) await delay(10);
    assert.equal((await cast(pool, TRIVIAL)).kind, 'succeeded');
  });
});

test('runs wait their turn, and a waiting run can be canceled', async () => {
  await withPool({ size: 1 }, async (pool) => {
    const order: string[] = [];
    const first = cast(pool, ENDLESS, { limits: { timeoutMs: 200 } }).then(() => order.push('first'));
    const canceled = cast(pool, TRIVIAL, { signal: AbortSignal.timeout(20) });
    const second = cast(pool, TRIVIAL).then(() => order.push('second'));
    const third = cast(pool, TRIVIAL).then(() => order.push('third'));
    assert.equal(pool.stats().waiting, 3);
    assert.equal((await canceled).kind, 'canceled');
    assert.equal(pool.stats().waiting, 2);
    await Promise.all([first, second, third]);
    assert.deepEqual(order, ['first', 'second', 'third']);
  });
});

test('one run too many is refused', async () => {
  await withPool({ size: 1, maxWaiting: 1 }, async (pool) => {
    const running = cast(pool, ENDLESS, { limits: { timeoutMs: 100 } });
    const waiting = cast(pool, TRIVIAL);
    await assert.rejects(cast(pool, TRIVIAL), SandboxBusyError);
    await Promise.all([running, waiting]);
  });
});

test('size bounds how many run at once', async () => {
  await withPool({ size: 2 }, async (pool) => {
    const runs = Array.from({ length: 4 }, () => cast(pool, ENDLESS, { limits: { timeoutMs: 150 } }));
    await delay(50);
    assert.equal(pool.stats().busy, 2);
    await Promise.all(runs);
    assert.equal(pool.stats().busy, 0);
  });
});

test('stop ends running and waiting casts as lost and leaves no process', async () => {
  await withPool({ size: 1 }, async (pool) => {
    const running = cast(pool, ENDLESS);
    const waiting = cast(pool, TRIVIAL);
    await delay(50);
    const sessions = sandboxSessions(process.pid);
    assert.equal(membersOf(sessions).length, 6);
    await pool.stop();
    assert.equal((await running).kind, 'lost');
    assert.equal((await waiting).kind, 'lost');
    await assert.rejects(cast(pool, TRIVIAL), SandboxStoppedError);
    assert.deepEqual(membersOf(sessions), []);
  });
});

test('a pool that is stopped while it starts leaves no process', async () => {
  const pool = new SandboxPool({ size: 1, maxCastsPerProcess: 1 });
  const starting = pool.start();
  await pool.stop();
  await assert.rejects(starting, SandboxStoppedError);
  assert.deepEqual(sandboxSessions(process.pid), []);
});

test('a listener that throws rejects its own run only', async () => {
  await withPool({ size: 1 }, async (pool) => {
    const failing = cast(pool, HELLO_ENDLESS, {
      onOutput: () => {
        throw new Error('the listener broke');
      },
    });
    await assert.rejects(failing, /the listener broke/);
    assert.equal((await cast(pool, TRIVIAL)).kind, 'succeeded');
  });
});

test('modules beyond the cache limit are forgotten on both sides', async () => {
  await withPool({ size: 1 }, async (pool) => {
    const padding = 40 * 1024 * 1024;
    const large = (mark: number): Buffer => {
      const start = preparedModule([], `(func (export "_start") (drop (i32.const ${mark})))`);
      const section = Buffer.alloc(padding + 6);
      // A custom section named "p": id 0, a five-byte length, a one-byte name.
      section.set([0, ...leb(padding), 1, 0x70]);
      return Buffer.concat([start, section.subarray(0, 6 + padding)]);
    };
    const modules = [large(1), large(2)];
    let loads = 0;
    for (let round = 0; round < 3; round += 1) {
      for (const module of modules) {
        const done = await cast(pool, module);
        assert.equal(done.kind, 'succeeded', JSON.stringify(done.kind === 'lost' ? done.message : ''));
        loads += done.loads;
      }
    }
    assert.ok(loads >= 2);
  });
});

function leb(value: number): number[] {
  return [0, 7, 14, 21, 28].map((shift) => ((value >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0));
}

test('a pool whose processes cannot start says so and leaves none behind', async () => {
  const { execPath } = process;
  process.execPath = '/nowhere/node';
  try {
    await assert.rejects(
      withPool({ size: 1 }, async () => undefined),
      /ended before it was ready: exit code 127/,
    );
  } finally {
    process.execPath = execPath;
  }
  assert.deepEqual(sandboxSessions(process.pid), []);
});

test('settings that mean nothing are refused', () => {
  assert.throws(() => new SandboxPool({ size: 0, maxCastsPerProcess: 1 }), RangeError);
  assert.throws(() => new SandboxPool({ size: 1, maxCastsPerProcess: 1, maxWaiting: 0.5 }), RangeError);
});

test('a worker killed in the middle of an endless cast leaves no process behind', async () => {
  const program = fileURLToPath(new URL('./orphan-parent.js', import.meta.url));
  const parent = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(parent.stdout, 'data');
  const sessions = sandboxSessions(parent.pid ?? 0);
  assert.equal(guestsOf(sessions).length, 2);
  parent.kill('SIGKILL');
  const killed = performance.now();
  while (membersOf(sessions).length > 0 && performance.now() - killed < 10_000) await delay(10);
  assert.deepEqual(membersOf(sessions), []);
  console.log(`orphans were gone after ${(performance.now() - killed).toFixed(0)} ms`);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SandboxPool, type SandboxRun } from '../../src/sandbox/index.js';
import { FileTree } from '../../src/sandbox/wasi/file-tree.js';
import { createPreview1 } from '../../src/sandbox/wasi/preview1.js';
import { WASI_PARAMETERS, WRITE, cast, preparedModule, wasiCall } from './fixtures.js';

const pool = new SandboxPool({ size: 1, maxCastsPerProcess: 1000 });
before(() => pool.start());
after(() => pool.stop());

const RESOURCES = new Map([
  ['poem.txt', Buffer.from('a spell')],
  ['deep/er/note.txt', Buffer.from('a note')],
]);
const withResources: Partial<SandboxRun> = {
  resourcesDigest: 'sha256:tree',
  loadResources: () => Promise.resolve(RESOURCES),
};

const Errno = {
  ok: 0,
  badf: 8,
  exist: 20,
  fault: 21,
  inval: 28,
  isdir: 31,
  noent: 44,
  notdir: 54,
  perm: 63,
  rofs: 69,
};

/** Makes the calls one after the other; the output is one byte for each: its error number. */
function probe(calls: string[], data = ''): Buffer {
  const names = new Set(
    calls.flatMap((call) => [...call.matchAll(/\(call \$(\w+)/g)].map((match) => match[1] ?? '')),
  );
  names.add('fd_write');
  const steps = calls.map((call, index) => `(i32.store8 (i32.const ${60_000 + index}) ${call})`);
  return preparedModule(
    [...names],
    `${WRITE} ${data} (func (export "_start") ${steps.join('\n')}
      (call $write (i32.const 1) (i32.const 60000) (i32.const ${calls.length})))`,
  );
}

async function errnos(calls: string[], data = '', choices: Partial<SandboxRun> = {}): Promise<number[]> {
  return [...(await cast(pool, probe(calls, data), choices)).output];
}

/** Opens a path below /resources; the new descriptor is stored at 500. */
function open(path: string, { flags = 0, rights = 2n } = {}): { call: string; data: string } {
  const data = `(data (i32.const 2000) "${path}")`;
  return { call: wasiCall('path_open', 3, 0, 2000, path.length, flags, rights, 0n, 0, 500), data };
}

test('all 46 functions are there', () => {
  const request = { args: [], env: {}, clockStartNs: '0' };
  const functions = createPreview1({ request, resources: FileTree.empty, trees: [] } as unknown as Parameters<
    typeof createPreview1
  >[0]);
  assert.deepEqual(Object.keys(functions).toSorted(), Object.keys(WASI_PARAMETERS).toSorted());
  assert.equal(Object.keys(functions).length, 46);
});

for (const [what, word] of [
  ['the largest', -1],
  ['just past the end', 65_535],
] as const) {
  test(`no function is harmed by numbers that are ${what}`, async () => {
    const names = Object.keys(WASI_PARAMETERS).filter((name) => !['proc_exit', 'sched_yield'].includes(name));
    for (const descriptor of [0, 1, 2, 3, word]) {
      const calls = names
        .filter((name) => !['fd_close', 'fd_renumber'].includes(name))
        .map((name) => wasiCall(name, descriptor, ...Array.from({ length: 9 }, () => word)));
      const done = await cast(pool, probe(calls));
      assert.equal(done.output.length, calls.length, JSON.stringify(done.kind));
    }
  });
}

test('pointers out of bounds are EFAULT', async () => {
  const calls = [
    wasiCall('random_get', 65_530, 100),
    wasiCall('fd_read', 0, 65_530, 4, 0),
    wasiCall('fd_write', 1, 0, 1, 70_000),
    wasiCall('clock_time_get', 0, 0n, 65_530),
    wasiCall('fd_prestat_dir_name', 3, -1, 100),
  ];
  assert.deepEqual(
    await errnos(calls),
    calls.map(() => Errno.fault),
  );
});

test('an iovec list longer than any program needs is EINVAL', async () => {
  assert.deepEqual(await errnos([wasiCall('fd_write', 1, 0, 1025, 8)]), [Errno.inval]);
});

async function openErrno(path: string, choices: { flags?: number; rights?: bigint } = {}): Promise<number> {
  const { call, data } = open(path, choices);
  return (await errnos([call], data, withResources))[0] ?? -1;
}

test('resources open by any spelling of their name', async () => {
  for (const path of [
    'poem.txt',
    './poem.txt',
    'deep/../poem.txt',
    'deep//er/./note.txt',
    'deep/',
    'deep/er/..',
  ]) {
    assert.equal(await openErrno(path), Errno.ok, path);
  }
});

test('nothing above /resources can be named', async () => {
  for (const path of [
    '..',
    '../etc/passwd',
    'deep/../../x',
    '/etc/passwd',
    '/resources/poem.txt',
    'deep/er/../../..',
  ]) {
    assert.equal(await openErrno(path), Errno.perm, path);
  }
});

test('what is not there, is not a folder, or may not be written has its own error', async () => {
  assert.equal(await openErrno('absent'), Errno.noent);
  assert.equal(await openErrno(''), Errno.noent);
  assert.equal(await openErrno('poem.txt/'), Errno.notdir);
  assert.equal(await openErrno('poem.txt', { flags: 2 }), Errno.notdir);
  assert.equal(await openErrno('new', { flags: 1 }), Errno.rofs);
  assert.equal(await openErrno('poem.txt', { flags: 8 }), Errno.rofs);
  assert.equal(await openErrno('poem.txt', { flags: 5 }), Errno.exist);
  assert.equal(await openErrno('poem.txt', { rights: 64n }), Errno.rofs);
  assert.equal(await openErrno('deep', { rights: 64n }), Errno.isdir);
});

test('a guest that opens descriptors for ever gets EMFILE', async () => {
  const { call, data } = open('poem.txt');
  const module = preparedModule(
    ['path_open', 'fd_write'],
    `${WRITE} ${data}
    (func (export "_start") (local $errno i32)
      (loop $more (br_if $more (i32.eqz (local.tee $errno ${call}))))
      (i32.store8 (i32.const 600) (local.get $errno))
      (call $write (i32.const 1) (i32.const 600) (i32.const 1)))`,
  );
  assert.deepEqual([...(await cast(pool, module, withResources as object)).output], [33]);
});

test('a resource is read', async () => {
  const { call, data } = open('deep/er/note.txt');
  const module = preparedModule(
    ['path_open', 'fd_read', 'fd_write'],
    `${WRITE} ${data}
    (func (export "_start") (drop ${call})
      (i32.store (i32.const 0) (i32.const 3000)) (i32.store (i32.const 4) (i32.const 100))
      (drop (call $fd_read (i32.load (i32.const 500)) (i32.const 0) (i32.const 1) (i32.const 8)))
      (call $write (i32.const 1) (i32.const 3000) (i32.load (i32.const 8))))`,
  );
  assert.equal((await cast(pool, module, withResources as object)).output.toString(), 'a note');
});

test('resources are loaded once, and a tree that cannot be is the caller’s fault', async () => {
  const { call, data } = open('poem.txt');
  let loads = 0;
  const loadResources = async (): Promise<typeof RESOURCES> => {
    loads += 1;
    return RESOURCES;
  };
  await withFreshPool(async (fresh) => {
    for (let round = 0; round < 4; round += 1) {
      await cast(fresh, probe([call], data), { resourcesDigest: 'sha256:once', loadResources });
    }
  });
  assert.equal(loads, 1);
  const hostile = {
    resourcesDigest: 'sha256:bad',
    loadResources: async () => new Map([['../x', Buffer.alloc(1)]]),
  };
  await assert.rejects(cast(pool, probe([call], data), hostile), /no path of a resource/);
});

test('arguments and environment arrive', async () => {
  const module = preparedModule(
    ['args_get', 'environ_get', 'fd_write'],
    `${WRITE} (func (export "_start")
      (drop ${wasiCall('args_get', 16, 1000)}) (drop ${wasiCall('environ_get', 64, 2000)})
      (call $write (i32.const 1) (i32.load (i32.const 20)) (i32.const 4))
      (call $write (i32.const 1) (i32.load (i32.const 64)) (i32.const 7)))`,
  );
  const done = await cast(pool, module, { args: ['spell', 'fire'], env: { A: 'water' } });
  assert.equal(done.output.toString(), 'fireA=water');
});

const CLOCK_AND_RANDOM = preparedModule(
  ['clock_time_get', 'random_get', 'fd_write'],
  `${WRITE} (func (export "_start")
    (drop ${wasiCall('clock_time_get', 0, 0n, 1000)}) (drop ${wasiCall('random_get', 1008, 32)})
    (call $write (i32.const 1) (i32.const 1000) (i32.const 40)))`,
);

test('time and chance repeat with the same start and seed, and differ with another', async () => {
  const choices = { clockStartNs: 1_800_000_000_000_000_000n, randomSeed: Buffer.from('cast-1') };
  const first = (await cast(pool, CLOCK_AND_RANDOM, choices)).output;
  const second = (await cast(pool, CLOCK_AND_RANDOM, choices)).output;
  const other = (await cast(pool, CLOCK_AND_RANDOM, { ...choices, randomSeed: Buffer.from('cast-2') }))
    .output;
  assert.ok(first.equals(second));
  assert.ok(!first.subarray(8).equals(other.subarray(8)));
  assert.equal(first.readBigUInt64LE(0), choices.clockStartNs + 1_000n);
});

test('a sleep is real, what was written before it is seen, and the guest’s clock moves by it', async () => {
  const module = preparedModule(
    ['poll_oneoff', 'clock_time_get', 'fd_write'],
    `${WRITE} (data (i32.const 100) "before")
    (func (export "_start")
      (call $write (i32.const 1) (i32.const 100) (i32.const 3))
      (call $write (i32.const 1) (i32.const 103) (i32.const 3))
      (i32.store (i32.const 1016) (i32.const 1)) (i64.store (i32.const 1024) (i64.const 100000000))
      (drop ${wasiCall('poll_oneoff', 1000, 2000, 1, 3000)})
      (drop ${wasiCall('clock_time_get', 1, 0n, 4000)})
      (call $write (i32.const 1) (i32.const 4000) (i32.const 8)))`,
  );
  const seen: { atMs: number; text: string }[] = [];
  const started = performance.now();
  const done = await cast(pool, module, {
    onOutput: (chunk: Buffer) =>
      seen.push({ atMs: performance.now() - started, text: chunk.toString('latin1') }),
  });
  assert.ok(done.durationMs >= 99, `${done.durationMs} ms`);
  const clock = Buffer.from(seen.pop()?.text ?? '', 'latin1').readBigUInt64LE(0);
  assert.equal(clock, 100_000_000n + 4_000n);
  assert.equal(seen.map(({ text }) => text).join(''), 'before');
  assert.ok((seen.at(-1)?.atMs ?? Infinity) < 90);
});

async function withFreshPool(use: (pool: SandboxPool) => Promise<void>): Promise<void> {
  const fresh = new SandboxPool({ size: 1, maxCastsPerProcess: 1000 });
  await fresh.start();
  await use(fresh).finally(() => fresh.stop());
}

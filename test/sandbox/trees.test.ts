import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MAX_TREES_BYTES, SandboxPool, prepareModule, type SandboxTree } from '../../src/sandbox/index.js';
import { TRIVIAL, cast } from './fixtures.js';

const KIB = 1024;
const pool = new SandboxPool({ size: 1, spares: 0, maxCastsPerProcess: 1000 });
let module: Buffer;
before(async () => {
  const path = new URL('../../../test/sandbox/preview1/preview1.wasm', import.meta.url);
  const prepared = await prepareModule(await readFile(fileURLToPath(path)));
  assert.ok(prepared.ok);
  module = Buffer.from(prepared.bytes);
  await pool.start();
});
after(() => pool.stop());

function trees(): SandboxTree[] {
  const none = new Map<string, Uint8Array>();
  const links = {
    out: 'inner/../../etc',
    absolute: '/etc/passwd',
    circle: 'circle',
    'inner-link': 'inner/file',
  };
  const small = {
    guestPath: '/small',
    files: new Map([['inner/file', Buffer.from('inner')]]),
    folders: ['inner/deep'],
    links: new Map(Object.entries({ ...links, 'deep-link': 'inner/deep' })),
    isWritable: true,
    maxBytes: 64 * KIB,
  };
  const files = new Map([['deep/text', Buffer.from('fixed')]]);
  return [
    small,
    { guestPath: '/other', files: none, isWritable: true, maxBytes: 1024 * KIB },
    { guestPath: '/fixed', files, isWritable: false, maxBytes: KIB * 2 },
  ];
}

for (const [name, promise] of [
  ['no-space', 'a full tree is ENOSPC, and what is cut off or closed makes room'],
  ['many-names', 'names take room too, and give it back'],
  ['two-trees', 'nothing is renamed or linked from tree to tree'],
  ['read-only', 'nothing changes in a tree that may not be written'],
  ['no-way-out', 'no link leads out of its tree'],
  ['removed-folder', 'nothing is created in a folder that is gone'],
  ['remove-while-reading', 'a folder is emptied while it is read'],
] as const) {
  test(promise, async () => {
    const done = await cast(pool, module, { args: ['preview1', name], trees: trees() });
    assert.equal(done.kind, 'succeeded', done.log.toString());
  });
}

test('what a guest changes is gone with it, in the same process too', async () => {
  const given = trees();
  for (let round = 0; round < 3; round += 1) {
    const done = await cast(pool, module, { args: ['preview1', 'leave-mark'], trees: given });
    assert.equal(done.kind, 'succeeded', done.log.toString());
  }
  assert.equal(given[0]?.files.get('inner/file')?.toString(), 'inner');
});

test('a tree may stand in the place of the resources, but not beside them', async () => {
  const files = new Map([['text', Buffer.from('x')]]);
  const tree = { guestPath: '/resources', files, isWritable: false, maxBytes: KIB };
  assert.equal((await cast(pool, TRIVIAL, { trees: [tree] })).kind, 'succeeded');
  const loadResources = (): Promise<typeof files> => Promise.resolve(files);
  const both = cast(pool, TRIVIAL, { trees: [tree], resourcesDigest: 'sha256:x', loadResources });
  await assert.rejects(both, /cannot be the place of one more tree/);
});

test('trees that cannot be are the caller’s fault', async () => {
  const good = { guestPath: '/a', files: new Map<string, Uint8Array>(), isWritable: true, maxBytes: 2 * KIB };
  const file = (path: string, bytes = 1): Map<string, Uint8Array> => new Map([[path, new Uint8Array(bytes)]]);
  const wrong: [Partial<SandboxTree>[], RegExp][] = [
    [[{}, {}], /one more tree/],
    [[{ guestPath: '' }], /length of a guestPath/],
    [[{ guestPath: '/a\0b' }], /one more tree/],
    [[{ maxBytes: MAX_TREES_BYTES }, { guestPath: '/b', maxBytes: 1 }], /maxBytes of all trees/],
    [[{ maxBytes: Number.NaN }], /maxBytes of a tree/],
    [[{ maxBytes: -1 }], /maxBytes of a tree/],
    [[{ files: file('../x') }], /no path of a resource/],
    [[{ files: file('/x') }], /no path of a resource/],
    [[{ files: file('x'.repeat(256)) }], /no path of a resource/],
    [[{ files: file('x', 4 * KIB) }], /need more than 2048 bytes/],
    [[{ files: file('x'), links: new Map([['x/y', 'z']]) }], /both a file and a folder/],
    [Array.from({ length: 17 }, (_, index) => ({ guestPath: `/${index}`, maxBytes: 1 })), /number of trees/],
  ];
  for (const [changes, message] of wrong) {
    const given = changes.map((change) => ({ ...good, ...change }));
    await assert.rejects(cast(pool, TRIVIAL, { trees: given }), message);
  }
  assert.equal((await cast(pool, TRIVIAL, { trees: [good] })).kind, 'succeeded');
});

test('a pool without spares starts one process, and replaces it when it is killed', async () => {
  const lone = new SandboxPool({ size: 1, spares: 0, maxCastsPerProcess: 1 });
  await lone.start();
  try {
    assert.equal(lone.stats().spawned, 1);
    for (let round = 0; round < 2; round += 1) assert.equal((await cast(lone, TRIVIAL)).kind, 'succeeded');
  } finally {
    await lone.stop();
  }
  assert.throws(() => new SandboxPool({ size: 1, spares: -1, maxCastsPerProcess: 1 }), /spares/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FuelMeter } from '../../src/sandbox/guest/fuel-meter.js';
import { GuestOutput } from '../../src/sandbox/guest/guest-output.js';
import { HostState } from '../../src/sandbox/guest/host-state.js';
import { TREE_ENTRY_BYTES } from '../../src/sandbox/sandbox-limits.js';
import { FileTree } from '../../src/sandbox/wasi/file-tree.js';
import { createPreview1 } from '../../src/sandbox/wasi/preview1.js';
import type { DirectoryNode, TreeNode } from '../../src/sandbox/wasi/tree-nodes.js';

const MAX_BYTES = 64 * 1024;
const MEMORY_BYTES = 65_536;
const NAMES = [
  'a',
  'b',
  'c',
  'a/b',
  'a/b/c',
  'b/',
  './c',
  '../a',
  'a/../b',
  'c/..',
  '.',
  '..',
  '',
  '/a',
  'a/./b/c/d',
];
const ERRNO_MAX = 76;

/** The same numbers for the same seed (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Call = (...parameters: (number | bigint)[]) => number;

/** A guest that calls at random, straight into the host's functions. */
function startGuest(tree: FileTree, seed: number): { step(): void; closeAll(): void } {
  const memory = { buffer: new ArrayBuffer(MEMORY_BYTES) };
  const bytes = new Uint8Array(memory.buffer);
  const view = new DataView(memory.buffer);
  const limits = { maxOutputBytes: 0, maxLogBytes: 0, maxEvents: 0 };
  const functions = createPreview1({
    request: { args: [], env: {}, clockStartNs: '1000000' },
    host: new HostState(new FuelMeter(10n ** 12n), new GuestOutput(limits)),
    memory,
    input: new Uint8Array(0),
    resources: FileTree.empty,
    trees: [{ guestPath: '/', tree }],
  } as unknown as Parameters<typeof createPreview1>[0]) as unknown as Record<string, Call>;
  const below = randomNumbers(seed);
  const call = (name: string, ...parameters: (number | bigint)[]): void => {
    const errno = functions[name]?.(...parameters) ?? -1;
    assert.ok(errno >= 0 && errno <= ERRNO_MAX, `${name} answered ${errno}`);
  };
  const path = (at: number): [number, number] => {
    const text = Buffer.from(NAMES[below(NAMES.length)] ?? '');
    bytes.set(text, at);
    return [at, text.length];
  };
  // Mostly the tree itself, else whatever the guest has opened.
  const folder = (): number => (below(3) > 0 ? 4 : below(16));
  const opened = (): number => 5 + below(12);
  const size = (): number => below(3) * below(30_000);
  const rights = 0x1fffffffn;
  const steps: (() => void)[] = [
    () => call('path_open', folder(), below(2), ...path(100), below(16), rights, rights, below(2), 500),
    () => call('path_open', folder(), 1, ...path(100), 1, rights, rights, 0, 500),
    () => call('path_create_directory', folder(), ...path(100)),
    () => call('path_remove_directory', folder(), ...path(100)),
    () => call('path_unlink_file', folder(), ...path(100)),
    () => call('path_rename', folder(), ...path(100), folder(), ...path(200)),
    () => call('path_link', folder(), below(2), ...path(100), folder(), ...path(200)),
    () => call('path_symlink', ...path(100), folder(), ...path(200)),
    () => call('path_readlink', folder(), ...path(100), 1000, 50, 500),
    () => call('path_filestat_get', folder(), below(2), ...path(100), 1000),
    () => call('fd_write', opened(), 16, 1, 500),
    () => call('fd_pwrite', opened(), 16, 1, BigInt(size()), 500),
    () => call('fd_read', opened(), 16, 1, 500),
    () => call('fd_seek', opened(), BigInt(size() - 20_000), below(4), 500),
    () => call('fd_allocate', opened(), BigInt(size()), BigInt(size())),
    () => call('fd_filestat_set_size', opened(), BigInt(size())),
    () => call('fd_readdir', folder(), 2000, below(500), BigInt(below(5)), 500),
    () => call('fd_renumber', opened(), opened()),
    () => call('fd_close', opened()),
  ];
  return {
    step: () => {
      view.setUint32(16, 4096, true);
      view.setUint32(20, below(20_000), true);
      steps[below(steps.length)]?.();
    },
    closeAll: () => {
      for (let number = 3; number < 1024; number += 1) functions['fd_close']?.(number);
    },
  };
}

/** What a tree holds, counted from its root; and that every part of it agrees with the rest. */
function countBytes(root: DirectoryNode): number {
  const names = new Map<TreeNode, number>();
  let bytes = 0;
  const visit = (folder: DirectoryNode): void => {
    for (const node of folder.entries.values()) {
      bytes += TREE_ENTRY_BYTES;
      const known = names.get(node) ?? 0;
      names.set(node, known + 1);
      if (known > 0) continue;
      if (node.kind === 'file') bytes += node.size;
      if (node.kind === 'link') bytes += Buffer.byteLength(node.target);
      if (node.kind !== 'directory') continue;
      assert.equal(node.parent, folder);
      visit(node);
    }
  };
  visit(root);
  for (const [node, count] of names) assert.deepEqual([node.links, node.opens], [count, 0]);
  return bytes;
}

for (let seed = 1; seed <= 20; seed += 1) {
  test(`a guest that calls at random leaves a tree whose books are right (seed ${seed})`, () => {
    const files = new Map([['a/b/c', Buffer.from('text')]]);
    const tree = FileTree.from({ files }, { device: 2n, isWritable: true, maxBytes: MAX_BYTES });
    const guest = startGuest(tree, seed);
    for (let step = 0; step < 3_000; step += 1) {
      guest.step();
      assert.ok(tree.freeBytes >= 0);
    }
    guest.closeAll();
    assert.equal(MAX_BYTES - tree.freeBytes, countBytes(tree.root));
  });
}

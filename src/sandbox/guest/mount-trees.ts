import type { MountedTree } from '../wasi/descriptors.js';
import { FileTree } from '../wasi/file-tree.js';
import type { TreeMessage } from '../wire/messages.js';

/** The resource tree is device 1. */
const FIRST_DEVICE = 2;

/** The trees of one cast, all of whose files are as old as the cast. */
export function mountTrees(
  trees: readonly (TreeMessage & { bytes: ReadonlyMap<string, Uint8Array> })[],
  nowNs: bigint,
): MountedTree[] {
  return trees.map(({ guestPath, isWritable, maxBytes, bytes, folders, links }, index) => {
    const device = BigInt(FIRST_DEVICE + index);
    const contents = { files: bytes, folders, links: new Map(links) };
    return { guestPath, tree: FileTree.from(contents, { device, isWritable, maxBytes, nowNs }) };
  });
}

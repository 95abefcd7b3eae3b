import { fileTypeOf, type Descriptor } from './descriptors.js';
import { NodeFileType } from './node-file-type.js';
import type { TreeNode } from './tree-nodes.js';

/** The streams have a device number of their own making: that of the resource tree. */
const STREAM = { device: 1n, inode: 0n, links: 1n, size: 0n, accessedNs: 0n, modifiedNs: 0n, changedNs: 0n };

interface Filestat {
  device: bigint;
  inode: bigint;
  fileType: number;
  links: bigint;
  size: bigint;
  accessedNs: bigint;
  modifiedNs: bigint;
  changedNs: bigint;
}

export function statOfNode(node: TreeNode): Filestat {
  const { inode, accessedNs, modifiedNs, changedNs } = node;
  return {
    device: node.tree.device,
    inode,
    fileType: NodeFileType[node.kind],
    links: BigInt(node.kind === 'directory' ? 1 : node.links),
    size: BigInt(sizeOf(node)),
    accessedNs,
    modifiedNs,
    changedNs,
  };
}

export function statOfDescriptor(descriptor: Descriptor): Filestat {
  if (descriptor.kind === 'directory') return statOfNode(descriptor.directory);
  if (descriptor.kind === 'file') return statOfNode(descriptor.file);
  return { ...STREAM, fileType: fileTypeOf(descriptor.kind) };
}

export function writeFilestat(view: DataView, stat: Filestat): void {
  view.setBigUint64(0, stat.device, true);
  view.setBigUint64(8, stat.inode, true);
  view.setBigUint64(16, BigInt(stat.fileType), true);
  view.setBigUint64(24, stat.links, true);
  view.setBigUint64(32, stat.size, true);
  view.setBigUint64(40, stat.accessedNs, true);
  view.setBigUint64(48, stat.modifiedNs, true);
  view.setBigUint64(56, stat.changedNs, true);
}

function sizeOf(node: TreeNode): number {
  if (node.kind === 'file') return node.size;
  return node.kind === 'link' ? Buffer.byteLength(node.target) : 0;
}

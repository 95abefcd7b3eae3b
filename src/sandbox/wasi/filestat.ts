/** The device number of the resource tree; the streams share it. */
const DEVICE = 1n;

/** Times are always zero: a read-only tree has none that would be the same on every machine. */
export function writeFilestat(view: DataView, stat: { inode: bigint; fileType: number; size: number }): void {
  view.setBigUint64(0, DEVICE, true);
  view.setBigUint64(8, stat.inode, true);
  view.setBigUint64(16, BigInt(stat.fileType), true);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, BigInt(stat.size), true);
  for (const timeOffset of [40, 48, 56]) view.setBigUint64(timeOffset, 0n, true);
}

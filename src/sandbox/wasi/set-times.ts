import { TimeFlag } from './abi.js';
import { Errno, fail } from './errno.js';
import type { NodeTimes } from './tree-nodes.js';

/** What `fd_filestat_set_times` and `path_filestat_set_times` ask for. */
export interface TimesAsked {
  accessedNs: bigint;
  modifiedNs: bigint;
  flags: number;
}

const ALL_FLAGS = TimeFlag.accessed | TimeFlag.accessedNow | TimeFlag.modified | TimeFlag.modifiedNow;

export function setTimes(
  node: NodeTimes,
  { accessedNs, modifiedNs, flags }: TimesAsked,
  nowNs: bigint,
): void {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const isTwice =
    (has(TimeFlag.accessed) && has(TimeFlag.accessedNow)) ||
    (has(TimeFlag.modified) && has(TimeFlag.modifiedNow));
  if (isTwice || has(~ALL_FLAGS)) fail(Errno.INVAL);
  if (has(TimeFlag.accessed)) node.accessedNs = BigInt.asUintN(64, accessedNs);
  if (has(TimeFlag.accessedNow)) node.accessedNs = nowNs;
  if (has(TimeFlag.modified)) node.modifiedNs = BigInt.asUintN(64, modifiedNs);
  if (has(TimeFlag.modifiedNow)) node.modifiedNs = nowNs;
  if (flags !== 0) node.changedNs = nowNs;
}

/** Numbers and layouts of WASI preview 1, from its witx files. */

export const FileType = {
  unknown: 0,
  characterDevice: 2,
  directory: 3,
  regularFile: 4,
  symbolicLink: 7,
} as const;
export type FileTypeValue = (typeof FileType)[keyof typeof FileType];

export const Right = {
  fdDatasync: 1n << 0n,
  fdRead: 1n << 1n,
  fdSeek: 1n << 2n,
  fdFdstatSetFlags: 1n << 3n,
  fdSync: 1n << 4n,
  fdTell: 1n << 5n,
  fdWrite: 1n << 6n,
  fdAdvise: 1n << 7n,
  fdAllocate: 1n << 8n,
  pathCreateDirectory: 1n << 9n,
  pathCreateFile: 1n << 10n,
  pathLinkSource: 1n << 11n,
  pathLinkTarget: 1n << 12n,
  pathOpen: 1n << 13n,
  fdReaddir: 1n << 14n,
  pathReadlink: 1n << 15n,
  pathRenameSource: 1n << 16n,
  pathRenameTarget: 1n << 17n,
  pathFilestatGet: 1n << 18n,
  pathFilestatSetSize: 1n << 19n,
  pathFilestatSetTimes: 1n << 20n,
  fdFilestatGet: 1n << 21n,
  fdFilestatSetSize: 1n << 22n,
  fdFilestatSetTimes: 1n << 23n,
  pathSymlink: 1n << 24n,
  pathRemoveDirectory: 1n << 25n,
  pathUnlinkFile: 1n << 26n,
  pollFdReadwrite: 1n << 27n,
} as const;

export const OpenFlag = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;
export const DescriptorFlag = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;
export const TimeFlag = { accessed: 1, accessedNow: 2, modified: 4, modifiedNow: 8 } as const;
export const Whence = { start: 0, current: 1, end: 2 } as const;
export const Clock = { realtime: 0, monotonic: 1, processCpu: 2, threadCpu: 3 } as const;
export const EventType = { clock: 0, fdRead: 1, fdWrite: 2 } as const;

/** A path's last name may be a symbolic link that is followed. */
export const LOOKUP_FOLLOW = 1;

/** The highest of the six kinds of advice. */
export const ADVICE_MAX = 5;

/** A clock subscription whose timeout is a point in time rather than a span. */
export const CLOCK_ABSTIME = 1;

export const PREOPEN_TYPE_DIRECTORY = 0;

export const Size = {
  iovec: 8,
  fdstat: 24,
  filestat: 64,
  prestat: 8,
  dirent: 24,
  subscription: 48,
  event: 32,
} as const;

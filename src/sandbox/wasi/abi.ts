/** Numbers and layouts of WASI preview 1, from its witx files. */

export const FileType = { unknown: 0, characterDevice: 2, directory: 3, regularFile: 4 } as const;
export type FileTypeValue = (typeof FileType)[keyof typeof FileType];

export const Right = {
  fdRead: 1n << 1n,
  fdSeek: 1n << 2n,
  fdTell: 1n << 5n,
  fdWrite: 1n << 6n,
  fdAdvise: 1n << 7n,
  pathOpen: 1n << 13n,
  fdReaddir: 1n << 14n,
  pathReadlink: 1n << 15n,
  pathFilestatGet: 1n << 18n,
  fdFilestatGet: 1n << 21n,
  pollFdReadwrite: 1n << 27n,
} as const;

export const OpenFlag = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;
export const Whence = { start: 0, current: 1, end: 2 } as const;
export const Clock = { realtime: 0, monotonic: 1, processCpu: 2, threadCpu: 3 } as const;
export const EventType = { clock: 0, fdRead: 1, fdWrite: 2 } as const;

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

import { Right } from './abi.js';

export interface Rights {
  rights: bigint;
  inheriting: bigint;
}

export const STREAM_READ = Right.fdRead | Right.fdFilestatGet | Right.pollFdReadwrite;
export const STREAM_WRITE = Right.fdWrite | Right.fdFilestatGet | Right.pollFdReadwrite;

const FILE = STREAM_READ | Right.fdSeek | Right.fdTell | Right.fdAdvise;
const DIRECTORY =
  Right.pathOpen | Right.fdReaddir | Right.pathReadlink | Right.pathFilestatGet | Right.fdFilestatGet;

const WRITABLE_FILE =
  FILE |
  Right.fdWrite |
  Right.fdDatasync |
  Right.fdSync |
  Right.fdAllocate |
  Right.fdFdstatSetFlags |
  Right.fdFilestatSetSize |
  Right.fdFilestatSetTimes;

const WRITABLE_DIRECTORY =
  DIRECTORY |
  Right.pathCreateDirectory |
  Right.pathCreateFile |
  Right.pathLinkSource |
  Right.pathLinkTarget |
  Right.pathRenameSource |
  Right.pathRenameTarget |
  Right.pathFilestatSetSize |
  Right.pathFilestatSetTimes |
  Right.fdFilestatSetTimes |
  Right.pathSymlink |
  Right.pathRemoveDirectory |
  Right.pathUnlinkFile;

const READ_ONLY_RIGHTS = {
  file: FILE,
  directory: DIRECTORY,
  // Writing may be asked for below it, so that the answer is "read-only" instead of a silent loss of the right.
  inheriting: DIRECTORY | FILE | Right.fdWrite,
} as const;

const WRITABLE_RIGHTS = {
  file: WRITABLE_FILE,
  directory: WRITABLE_DIRECTORY,
  inheriting: WRITABLE_DIRECTORY | WRITABLE_FILE,
} as const;

/** What descriptors of a tree may have at most. */
export function mostRights(tree: { isWritable: boolean }): {
  file: bigint;
  directory: bigint;
  inheriting: bigint;
} {
  return tree.isWritable ? WRITABLE_RIGHTS : READ_ONLY_RIGHTS;
}

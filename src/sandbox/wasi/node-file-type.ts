import { FileType } from './abi.js';

/** How WASI calls the kinds of nodes. */
export const NodeFileType = {
  file: FileType.regularFile,
  directory: FileType.directory,
  link: FileType.symbolicLink,
} as const;

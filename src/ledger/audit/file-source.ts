import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The files of a mirror by their paths below the prefix of the log; null where there is none. */
export interface FileSource {
  read(path: string): Promise<Buffer | null>;
  /** The names in a folder, in order; empty where there is none. */
  list(path: string): Promise<string[]>;
}

export function folderSource(folder: string): FileSource {
  return {
    read: (path) => readFile(join(folder, path)).catch(absentAs(null)),
    list: async (path) => (await readdir(join(folder, path)).catch(absentAs<string[]>([]))).toSorted(),
  };
}

/** Absent is an answer; a disk that cannot be read is none. */
function absentAs<T>(answer: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return answer;
    throw error;
  };
}

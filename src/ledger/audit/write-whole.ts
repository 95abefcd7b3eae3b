import { link, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * In one step: a kill leaves no half of a file that would be taken for the whole later. With `isKept` a file that is there
 * already stays, whoever else writes at the same moment.
 */
export async function writeWhole(
  path: string,
  bytes: Uint8Array,
  { isKept = false }: { isKept?: boolean } = {},
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const half = `${path}.new`;
  await writeFile(half, bytes);
  if (!isKept) return rename(half, path);
  await link(half, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(half);
}

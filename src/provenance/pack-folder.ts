import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isPackageEntry } from './package-contents.js';
import { writePackage } from './write-package.js';

/**
 * The package of a spell's folder. Sources and build files may lie beside the package's own files and are left out;
 * whether the result may be published is for `readPackage` to say.
 */
export async function packFolder(folder: string): Promise<Buffer> {
  const entries = new Map<string, Uint8Array>();
  await collect(folder, '', entries);
  return writePackage(entries);
}

async function collect(folder: string, prefix: string, entries: Map<string, Uint8Array>): Promise<void> {
  for (const file of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const path = `${prefix}${file.name}`;
    if (!isPackageEntry(file.isDirectory() ? `${path}/` : path)) continue;
    if (file.isDirectory()) await collect(folder, `${path}/`, entries);
    else if (file.isFile()) entries.set(path, await readFile(join(folder, path)));
    // A link could carry a file from outside the folder into a published package.
    else throw new Error(`${path} is not a regular file: links and devices cannot be packed`);
  }
}

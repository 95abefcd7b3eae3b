import { readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from './config.js';

/** Two local platforms on one folder would stop each other's databases; the second is told so instead. */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'local.pid');
  const holder = Number(await readFile(path, 'utf8').catch(() => '0'));
  if (holder !== 0 && holder !== process.pid && isOurs(holder)) {
    throw new ConfigError([
      `SPELL_DATA_DIR: ${folder} is in use by a platform that runs already, process ${holder}`,
    ]);
  }
  await writeFile(path, `${process.pid}\n`);
  return () => rm(path, { force: true });
}

/** Is the process alive and a Node of ours? A number can have been given to somebody else since. */
function isOurs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('.js');
  } catch {
    return true;
  }
}

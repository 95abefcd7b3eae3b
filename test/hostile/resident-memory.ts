import { readFile, readdir } from 'node:fs/promises';

/** The resident memory of a process and all its descendants, in bytes. */
export async function residentBytes(root: number): Promise<number> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = (await Promise.all(names.map((name) => readProcess(Number(name))))).filter(
    (line) => line !== null,
  );
  const family = new Set([root]);
  let total = 0;
  // Children may be listed before their parents, so once more as long as somebody is added.
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  for (const { pid, bytes } of all) if (family.has(pid)) total += bytes;
  return total;
}

const PAGE_BYTES = 4096;

async function readProcess(pid: number): Promise<{ pid: number; parent: number; bytes: number } | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(fields[1]), bytes: Number(fields[21]) * PAGE_BYTES };
  } catch {
    return null; // It has ended meanwhile.
  }
}

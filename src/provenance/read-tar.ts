import { extract, type Header } from 'tar-stream';
import { MAX_PACKAGE_BYTES, MAX_PACKAGE_ENTRIES } from './limits.js';
import { errorText, joinPath, type PackageProblem } from './package-problem.js';
import { RESOURCES } from './package-contents.js';
import { FILE_MODE } from './write-package.js';
import { compareUtf8, pathFault } from './tar-path.js';

/** A folder, or a file marked executable: the format allows both, and the sandbox looks at neither. */
const EXECUTABLE_MODE = 0o755;

export interface TarEntry {
  header: Header;
  bytes: Buffer;
}

export interface ReadTar {
  entries: TarEntry[];
  problems: PackageProblem[];
}

/** Every entry of an uncompressed tar, with whatever is wrong with the archive or with single entries. */
export async function readTar(tar: Uint8Array): Promise<ReadTar> {
  const refused = refuseAtSight(tar);
  if (refused !== null) return { entries: [], problems: [{ path: 'package', reason: refused }] };
  const { entries, problems } = await extractEntries(tar);
  problems.push(...entries.flatMap((entry, index) => entryProblems(entry.header, index)));
  problems.push(...orderProblems(entries.map((entry) => entry.header.name)));
  return { entries, problems };
}

function refuseAtSight(tar: Uint8Array): string | null {
  if (tar.byteLength > MAX_PACKAGE_BYTES) return `the package is larger than ${MAX_PACKAGE_BYTES} bytes`;
  if (tar[0] === 0x1f && tar[1] === 0x8b)
    return 'the package is compressed with gzip: it must be an uncompressed tar';
  if (tar[0] === 0x50 && tar[1] === 0x4b) return 'the package is a zip file: it must be an uncompressed tar';
  return null;
}

async function extractEntries(tar: Uint8Array): Promise<ReadTar> {
  const entries: TarEntry[] = [];
  const problems: PackageProblem[] = [];
  const reader = extract();
  reader.on('error', () => undefined); // The loop below reports it; an unheard error event would end the process.
  reader.end(Buffer.from(tar.buffer, tar.byteOffset, tar.byteLength));
  try {
    for await (const entry of reader) {
      if (entries.length === MAX_PACKAGE_ENTRIES) throw new Error(`more than ${MAX_PACKAGE_ENTRIES} entries`);
      entries.push({ header: entry.header, bytes: await readContents(entry) });
    }
  } catch (error) {
    problems.push({ path: 'package', reason: `the tar cannot be read: ${errorText(error)}` });
  }
  return { entries, problems };
}

async function readContents(entry: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function entryProblems(header: Header, index: number): PackageProblem[] {
  // tar programs write an entry for each folder; below resources/ that says nothing new and does no harm.
  const isFolder = header.type === 'directory' && header.name.startsWith(RESOURCES);
  const fault = pathFault(isFolder ? header.name.replace(/\/$/, '') : header.name);
  const path = fault === null ? header.name : joinPath('entries', [index]);
  const reasons = fault === null ? [] : [`${fault}: ${JSON.stringify(header.name)}`];
  if (header.type !== 'file' && !isFolder)
    reasons.push(`only regular files are allowed, this is of type ${header.type}`);
  if (header.mtime.getTime() !== 0) reasons.push('mtime must be 0');
  if (header.uid !== 0) reasons.push('uid must be 0');
  if (header.gid !== 0) reasons.push('gid must be 0');
  if (header.uname || header.gname) reasons.push('uname and gname must be empty');
  if (header.mode !== FILE_MODE && header.mode !== EXECUTABLE_MODE) reasons.push('mode must be 0644');
  if (header.pax) reasons.push('pax extended headers are not allowed');
  return reasons.map((reason) => ({ path, reason }));
}

function orderProblems(names: readonly string[]): PackageProblem[] {
  const problems: PackageProblem[] = [];
  const seen = new Set<string>();
  names.forEach((name, index) => {
    const path = joinPath('entries', [index]);
    if (seen.has(name)) problems.push({ path, reason: `${JSON.stringify(name)} appears more than once` });
    else if (index > 0 && compareUtf8(names[index - 1] ?? '', name) > 0) {
      problems.push({
        path,
        reason: `${JSON.stringify(name)} is out of order: entries are sorted by UTF-8 bytes`,
      });
    }
    seen.add(name);
  });
  return problems;
}

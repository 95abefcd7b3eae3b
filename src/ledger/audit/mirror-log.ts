import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tilePath, tilesOf, type TileName } from '../merkle/tile.js';
import { parseCheckpointText } from '../note/checkpoint.js';
import { parseNote } from '../note/signed-note.js';
import { KEPT_CHECKPOINTS } from './audit-log.js';

/** A mirror cannot be made or brought up to date; the message says what and why. */
export class MirrorError extends Error {
  override readonly name = 'MirrorError';
}

// Enough to hide the way there and back, few enough not to be a load.
const FETCHES_AT_ONCE = 8;
const FETCH_WITHIN_MS = 30_000;
// A bundle of 256 entries of 64 KiB, the most that the format allows.
const FILE_BYTES_MAX = 17 * 1024 * 1024;

/**
 * Copies what a log serves into a folder, and brings a copy up to date: full tiles are fetched once. The checkpoint comes
 * last, so that a mirror that broke off is the older one; each checkpoint seen is kept, so that an audit can say whether
 * the log still contains what it once showed.
 */
export async function mirrorLog(url: string, folder: string): Promise<{ size: number; fetched: number }> {
  const base = url.replace(/\/$/, '');
  const checkpoint = await fetchFile(`${base}/checkpoint`);
  const head = parseCheckpointText(parseNote(checkpoint.toString())?.text ?? '');
  if (head === null) throw new MirrorError(`${base}/checkpoint is no checkpoint`);
  const wanted = filesOf(head.size);
  let fetched = 0;
  const copyNext = async (): Promise<void> => {
    for (let next = wanted.next(); !next.done; next = wanted.next()) {
      const path = tilePath(next.value);
      if (await exists(join(folder, path))) continue;
      await writeWhole(join(folder, path), await fetchFile(`${base}/${path}`));
      fetched += 1;
    }
  };
  await Promise.all(Array.from({ length: FETCHES_AT_ONCE }, copyNext));
  await writeWhole(join(folder, 'keys'), await fetchFile(`${base}/keys`));
  await writeWhole(join(folder, KEPT_CHECKPOINTS, String(head.size)), checkpoint);
  await writeWhole(join(folder, 'checkpoint'), checkpoint);
  return { size: head.size, fetched };
}

function* filesOf(size: number): Generator<TileName> {
  for (const tile of tilesOf(size)) {
    yield tile;
    if (tile.level === 0) yield { ...tile, level: 'entries' };
  }
}

async function fetchFile(url: string): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_WITHIN_MS) }).catch(
    (error: unknown) => {
      throw new MirrorError(`${url}: ${(error as Error).message}`);
    },
  );
  if (!response.ok) throw new MirrorError(`${url}: HTTP status ${response.status}`);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > FILE_BYTES_MAX) throw new MirrorError(`${url}: more than ${FILE_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** In one step: a kill leaves no half of a file that would be taken for the whole later. */
async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, bytes);
  await rename(`${path}.new`, path);
}

import type { FileSource } from './file-source.js';

/** A log cannot be read where it is served; the message says what and why. It says nothing about the log. */
export class LogUnreachable extends Error {
  override readonly name = 'LogUnreachable';
}

const FETCH_WITHIN_MS = 30_000;
// A bundle of 256 entries of 64 KiB, the most that the format allows.
const FILE_BYTES_MAX = 17 * 1024 * 1024;

/** The files of a log where it is served. Kept checkpoints are with whoever kept them. */
export function httpSource(url: string): FileSource {
  const base = url.replace(/\/$/, '');
  return { read: (path) => fetchFile(`${base}/${path}`), list: () => Promise.resolve([]) };
}

/** Null when the server says that there is no such file. */
async function fetchFile(url: string): Promise<Buffer | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_WITHIN_MS) });
    if (response.status === 404) {
      await response.body?.cancel();
      return null;
    }
    if (!response.ok) throw new LogUnreachable(`${url}: HTTP status ${response.status}`);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of response.body ?? []) {
      bytes += part.length;
      if (bytes > FILE_BYTES_MAX) throw new LogUnreachable(`${url}: more than ${FILE_BYTES_MAX} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  } catch (error) {
    if (error instanceof LogUnreachable) throw error;
    throw new LogUnreachable(`${url}: ${(error as Error).message}`);
  }
}

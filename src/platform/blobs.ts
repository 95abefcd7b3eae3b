import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { isDigest, sha256, type Digest } from './digests.js';
import { AppError } from './errors.js';

/**
 * Content-addressed bytes on disk: `<folder>/sha256/<2 hex>/<62 hex>`. Few verbs and nothing else, so
 * that an object store can stand in later. Every read checks the digest: a changed file is never served.
 */
export class BlobStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(bytes: Uint8Array): Promise<Digest> {
    const digest = sha256(bytes);
    if (!(await this.#touch(digest))) {
      await this.#writeWhole(digest, (file) => file.writeFile(bytes));
    }
    return digest;
  }

  /** Takes a stream whose digest and greatest size are known before; nothing is kept unless both hold. */
  async putStream(digest: Digest, bytes: AsyncIterable<Buffer>, maxBytes: number): Promise<number> {
    let size = 0;
    await this.#writeWhole(digest, async (file) => {
      const hash = createHash('sha256');
      for await (const chunk of bytes) {
        size += chunk.length;
        if (size > maxBytes)
          throw new AppError('PAYLOAD_TOO_LARGE', `the body is larger than ${maxBytes} bytes`);
        hash.update(chunk);
        // Unlike write, this goes on until every byte is written, or fails.
        await file.appendFile(chunk);
      }
      const actual = `sha256:${hash.digest('hex')}`;
      if (actual !== digest) {
        throw new AppError('BAD_USER_INPUT', `the body has digest ${actual}, the address says ${digest}`);
      }
    });
    return size;
  }

  async get(digest: Digest): Promise<Buffer> {
    const bytes = await readFile(this.#path(digest)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new BlobMissing(digest);
      throw error;
    });
    if (sha256(bytes) !== digest) throw new BlobChanged(digest);
    return bytes;
  }

  /**
   * The same for bytes that are passed on: they are read twice, once to check them and once to give them out, so that
   * none leave unchecked and however many are on their way, none lie in memory.
   */
  async openStream(digest: Digest): Promise<{ bytes: Readable; size: number }> {
    const file = await open(this.#path(digest)).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? new BlobMissing(digest) : error;
    });
    try {
      const hash = createHash('sha256');
      let size = 0;
      for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) {
        hash.update(chunk as Buffer);
        size += (chunk as Buffer).length;
      }
      if (`sha256:${hash.digest('hex')}` !== digest) throw new BlobChanged(digest);
      return { bytes: file.createReadStream({ start: 0 }), size };
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
  }

  /** Removes bytes that nobody needs any more, unless somebody has put them once more since then. */
  async drop(digest: Digest, untouchedSince: Date): Promise<void> {
    const path = this.#path(digest);
    const away = await this.#newDraft();
    try {
      // Out of the way first: whoever puts the same bytes from here on finds none and writes them anew.
      await rename(path, away);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const { mtime } = await stat(away);
    if (mtime > untouchedSince) await rename(away, path);
    else await rm(away, { force: true });
  }

  /** Removes what writes that were broken off have left. */
  async dropDrafts(untouchedSince: Date): Promise<void> {
    const folder = join(this.#folder, 'drafts');
    const names = await readdir(folder).catch(() => []);
    for (const name of names) {
      const found = await stat(join(folder, name)).catch(() => null);
      if (found !== null && found.mtime < untouchedSince) await rm(join(folder, name), { force: true });
    }
  }

  /** Are they there? If so they count as just written. */
  async #touch(digest: Digest): Promise<boolean> {
    const now = new Date();
    return utimes(this.#path(digest), now, now).then(
      () => true,
      () => false,
    );
  }

  async #newDraft(): Promise<string> {
    const draft = join(this.#folder, 'drafts', randomUUID());
    await mkdir(dirname(draft), { recursive: true });
    return draft;
  }

  #path(digest: Digest): string {
    // A digest comes from a request sometimes; anything else must never become a path.
    if (!isDigest(digest)) throw new AppError('BAD_USER_INPUT', 'not a sha256 digest');
    const hex = digest.slice('sha256:'.length);
    return join(this.#folder, 'sha256', hex.slice(0, 2), hex.slice(2));
  }

  async #writeWhole(digest: Digest, write: (file: FileHandle) => Promise<void>): Promise<void> {
    const target = this.#path(digest);
    const draft = await this.#newDraft();
    await mkdir(dirname(target), { recursive: true });
    const file = await open(draft, 'wx');
    try {
      await write(file);
      await file.sync();
      await file.close();
      await rename(draft, target);
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(draft, { force: true });
      throw error;
    }
  }
}

/** The bytes on disk are not those that were stored; they are never handed out. */
export class BlobChanged extends Error {
  constructor(digest: Digest) {
    super(`the stored bytes of ${digest} have changed`);
    this.name = 'BlobChanged';
  }
}

export class BlobMissing extends Error {
  constructor(digest: Digest) {
    super(`no blob ${digest}`);
    this.name = 'BlobMissing';
  }
}

import { join } from 'node:path';
import { isSameHash } from '../merkle/hash.js';
import { parseCheckpointText, type Checkpoint } from '../note/checkpoint.js';
import { parseNote } from '../note/signed-note.js';
import { compareKeysFiles, readKeysFile, type AuditKey } from './audit-keys.js';
import { auditLog } from './audit-log.js';
import { copyTiles } from './copy-tiles.js';
import { folderSource, type FileSource } from './file-source.js';
import { findFork } from './find-fork.js';
import { Finding, type AuditProblem } from './finding.js';
import { LogUnreachable, httpSource } from './http-source.js';
import { keepCheckpoint, keepFork } from './kept-checkpoints.js';
import { believeCheckpoint, readNeeded } from './read-checkpoint.js';
import { readEdge, treeFrom } from './served-tree.js';
import { writeWhole } from './write-whole.js';

export type MirrorReport =
  { ok: true; size: number; fetched: number } | { ok: false; problem: AuditProblem; fork: string | null };

export interface MirrorOptions {
  /** Keys that the auditor trusts on their own account; without them the list that the log serves has to do. */
  trusted?: readonly AuditKey[];
  origin?: string | null;
  /** Full tiles and bundles are fetched once; this fetches and verifies them again, to see whether they are still served. */
  isRefetched?: boolean;
}

/**
 * Copies what a log serves into a folder, and brings a copy up to date. Nothing is stored before it was verified: the
 * checkpoint by its signature and by the one that was copied last, tiles by the root, bundles by their tiles. The
 * checkpoint comes last, so that a copy that broke off is the older one; each one seen is kept.
 */
export async function mirrorLog(
  url: string,
  folder: string,
  options: MirrorOptions = {},
): Promise<MirrorReport> {
  const copy = new Copy(httpSource(url), folder, options);
  try {
    return { ok: true, ...(await copy.make()) };
  } catch (error) {
    if (!(error instanceof Finding)) throw error;
    return { ok: false, problem: await copy.nameFirst(error.problem), fork: copy.fork };
  }
}

class Copy {
  readonly #served: FileSource;
  readonly #kept: FileSource;
  readonly #folder: string;
  readonly #options: MirrorOptions;
  /** What was served, once its signature was found good. */
  #head: { checkpoint: Checkpoint; note: Buffer } | null = null;
  /** The file of a checkpoint that does not go with the copy. */
  fork: string | null = null;

  constructor(served: FileSource, folder: string, options: MirrorOptions) {
    this.#served = served;
    this.#kept = folderSource(folder);
    this.#folder = folder;
    this.#options = options;
  }

  async make(): Promise<{ size: number; fetched: number }> {
    const [served, kept, folder] = [this.#served, this.#kept, this.#folder];
    const note = await served.read('checkpoint');
    if (note === null) throw new LogUnreachable('there is no checkpoint at this address');
    // Read after the checkpoint: a key that is not in it yet has signed nothing up to there.
    const keysFile = await readNeeded(served, 'keys');
    const old = await readOldHead(kept);
    const keptKeys = await kept.read('keys');
    if (old !== null && keptKeys !== null) compareKeysFiles(keptKeys, keysFile, old.size);
    const keys = this.#options.trusted ?? readKeysFile(keysFile);
    const origin = this.#options.origin ?? old?.origin ?? null;
    const checkpoint = believeCheckpoint(note, 'checkpoint', { keys, origin });
    this.#head = { checkpoint, note };
    const edge = await readEdge(served, checkpoint.size);
    const root = await treeFrom(edge.read, checkpoint.size, checkpoint.size).root();
    if (!isSameHash(root, checkpoint.root))
      throw new Finding(
        { first: old?.size ?? 0, last: checkpoint.size - 1 },
        'checkpoint',
        'the tiles do not have the root that was signed',
      );
    if (old !== null) await this.#continues(old, { checkpoint, note });
    const isRefetched = this.#options.isRefetched ?? false;
    const fetched = await copyTiles({ served, kept, folder, edge, size: checkpoint.size, isRefetched });
    await writeWhole(join(folder, 'keys'), keysFile);
    await keepCheckpoint(folder, checkpoint, note);
    await writeWhole(join(folder, 'checkpoint'), note);
    return { size: checkpoint.size, fetched };
  }

  /** Is the log that is served the one that was copied, with entries appended? If not, what it has signed is kept beside. */
  async #continues(
    old: Checkpoint,
    { checkpoint, note }: { checkpoint: Checkpoint; note: Buffer },
  ): Promise<void> {
    if (checkpoint.size < old.size) {
      this.fork = await keepFork(this.#folder, checkpoint, note);
      throw new Finding(
        { first: checkpoint.size, last: old.size - 1 },
        'checkpoint',
        `the log had ${old.size} entries once and has only ${checkpoint.size} now`,
      );
    }
    const root = await treeFrom((path) => this.#served.read(path), old.size, checkpoint.size).root();
    if (isSameHash(root, old.root)) return;
    this.fork = await keepFork(this.#folder, checkpoint, note);
    throw new Finding(
      await findFork(this.#kept, this.#served, { from: old.size, to: checkpoint.size }),
      'checkpoint',
      `it does not continue the log of ${old.size} entries that was copied: the log was forked`,
    );
  }

  /** A tile that does not fit says in which range to look; reading all that is served says which entry it is. */
  async nameFirst(problem: AuditProblem): Promise<AuditProblem> {
    if (this.#head === null || problem.lastSequence === null) return problem;
    const { trusted, origin } = this.#options;
    const report = await auditLog(this.#served, {
      ...(trusted === undefined ? {} : { trusted }),
      origin: origin ?? null,
    }).catch(() => null);
    return report?.ok === false && report.problem.sequence !== null ? report.problem : problem;
  }
}

async function readOldHead(kept: FileSource): Promise<Checkpoint | null> {
  const bytes = await kept.read('checkpoint');
  if (bytes === null) return null;
  const checkpoint = parseCheckpointText(parseNote(bytes.toString())?.text ?? '');
  if (checkpoint === null) throw new Finding(null, 'checkpoint', 'the copy’s own is no checkpoint');
  return checkpoint;
}

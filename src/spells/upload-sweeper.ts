import {
  errorText,
  orAfter,
  queryRows,
  type BlobStore,
  type Clock,
  type DataSource,
  type Digest,
  type Logger,
} from '../platform/index.js';

const EVERY_MS = 10 * 60_000;
const STOP_WITHIN_MS = 1_000;
// Who uploads publishes at once, or after a look at what was refused.
const KEPT_MS = 24 * 3_600_000;
// No upload takes an hour, and whoever has just found bytes to be there already has their row by then.
const UNTOUCHED_MS = 3_600_000;
// One statement deletes so many; the next round takes the next.
const ROUND_MAX = 500;

interface SweeperDeps {
  database: DataSource;
  blobs: BlobStore;
  clock: Clock;
  logger: Logger;
}

/** Drops uploads that nobody has published within a day, and what broken uploads have left. */
export class UploadSweeper {
  readonly #deps: SweeperDeps;
  #timer: NodeJS.Timeout | null = null;
  #working: Promise<void> | null = null;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#working ??= this.sweep().finally(() => (this.#working = null));
    }, EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await orAfter(this.#working ?? Promise.resolve(), STOP_WITHIN_MS, undefined);
  }

  async sweep(): Promise<void> {
    const { database, blobs, clock, logger } = this.#deps;
    const nowMs = clock.now().getTime();
    try {
      await blobs.dropDrafts(new Date(nowMs - UNTOUCHED_MS));
      const dropped = await queryRows<{ digest: Digest }>(database, DROP_UPLOADS, [
        new Date(nowMs - KEPT_MS),
        ROUND_MAX,
      ]);
      if (dropped.length === 0) return;
      const digests = [...new Set(dropped.map(({ digest }) => digest))];
      const needed = await queryRows<{ digest: Digest }>(database, FIND_NEEDED, [digests]);
      const isNeeded = new Set(needed.map(({ digest }) => digest));
      for (const digest of digests)
        if (!isNeeded.has(digest)) await blobs.drop(digest, new Date(nowMs - UNTOUCHED_MS));
      logger.info({ uploads: dropped.length }, 'uploads dropped that nobody published');
    } catch (error) {
      logger.warn({ error: errorText(error) }, 'uploads not swept');
    }
  }
}

const DROP_UPLOADS = `
  DELETE FROM uploads WHERE (account_id, digest) IN (
    SELECT u.account_id, u.digest FROM uploads AS u
     WHERE u.created_at < $1 AND NOT EXISTS (SELECT 1 FROM spell_versions AS v WHERE v.package_digest = u.digest)
     LIMIT $2)
  RETURNING digest`;

// Bytes are stored once, whoever has sent or made them: they may be somebody else's upload, or part of a version, or
// the output of a cast.
const FIND_NEEDED = `
  SELECT digest FROM uploads WHERE digest = ANY($1)
  UNION SELECT unnest(ARRAY[package_digest, prepared_digest, sbom_digest]) FROM spell_versions
         WHERE package_digest = ANY($1) OR prepared_digest = ANY($1) OR sbom_digest = ANY($1)
  UNION SELECT output_digest FROM casts WHERE output_is_artifact AND output_digest = ANY($1)`;

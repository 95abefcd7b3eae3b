import { AppError, errorText, orAfter, queryRows, type DataSource, type Logger } from '../platform/index.js';
import type { LedgerMetrics } from './ledger-metrics.js';
import { NO_PREVIOUS, parseLeaf } from './leaf.js';
import { treeOf } from './ledger.js';
import { CompactRange } from './merkle/compact-range.js';
import { hashLeafText } from './merkle/hash.js';
import { TILE_WIDTH, widthOf } from './merkle/tile.js';
import { openCheckpoint } from './note/checkpoint.js';
import type { NoteVerifier } from './note/note-key.js';
import { readCheckpoint, readLeaves, readTile } from './read-log.js';

// Four full tiles a step: about 10 ms of work, and a million entries are seen again within twenty minutes.
const STEP_ENTRIES = 4 * TILE_WIDTH;
const STEP_EVERY_MS = 1_000;
const STOP_WITHIN_MS = 1_000;

const END = `SELECT (SELECT max(sequence) FROM ledger_entries) AS highest,
                    (SELECT max(size) FROM ledger_checkpoints) AS size`;

export interface LogCheckerDeps {
  database: DataSource;
  logger: Logger;
  metrics: LedgerMetrics;
  origin: string;
  /** Keys of our own configuration, retired ones too: those in the database are what is checked. */
  trusted: readonly NoteVerifier[];
}

/** One pass over the log: what has been seen of it so far, and the checkpoint it has to arrive at. */
interface Pass {
  size: number;
  root: Buffer;
  range: CompactRange;
  previous: string;
}

/**
 * Verifies the log again and again while it is in use: every entry in its place, the chain, the tiles, and the root of the
 * signed checkpoint that the pass began with. What it finds is a metric that must stay 0, and a line in the log of the process.
 */
export class LogChecker {
  readonly #deps: LogCheckerDeps;
  #pass: Pass | null = null;
  #timer: NodeJS.Timeout | null = null;
  #working: Promise<void> | null = null;

  constructor(deps: LogCheckerDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#working ??= this.step().finally(() => (this.#working = null));
    }, STEP_EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await orAfter(this.#working ?? Promise.resolve(), STOP_WITHIN_MS, undefined);
  }

  /** Verifies the next entries; at the end of a pass its root, and then it begins again. */
  async step(): Promise<void> {
    const { logger, metrics } = this.#deps;
    try {
      this.#pass ??= await this.#begin();
      if (this.#pass === null) return;
      const problem = await this.#checkStep(this.#pass);
      if (problem === null && this.#pass.range.size < this.#pass.size) return;
      // A whole pass without a finding clears the metric; a finding stays until then.
      metrics.problems.set(problem === null ? 0 : 1);
      if (problem === null) metrics.passed(this.#pass.size);
      else logger.error({ problem }, 'the ledger does not verify');
      this.#pass = null;
    } catch (error) {
      // PostgreSQL did not answer: that says nothing of the log, and the age of the last whole pass tells of it.
      logger.warn({ error: errorText(error) }, 'the ledger could not be verified');
      this.#pass = null;
    }
  }

  async #begin(): Promise<Pass | null> {
    const { database, origin, trusted, metrics, logger } = this.#deps;
    const head = await readCheckpoint(database);
    if (head === null) return null;
    const opened = openCheckpoint(head.note, origin, trusted);
    if (opened.ok && opened.checkpoint.size === head.size)
      return {
        size: head.size,
        root: opened.checkpoint.root,
        range: new CompactRange(),
        previous: NO_PREVIOUS,
      };
    const problem = opened.ok ? 'it is of another size' : opened.reason;
    metrics.problems.set(1);
    logger.error({ problem, size: head.size }, 'the newest checkpoint of the ledger does not verify');
    return null;
  }

  /** What is wrong with the next entries, or null. */
  async #checkStep(pass: Pass): Promise<string | null> {
    const begin = pass.range.size;
    const end = Math.min(begin + STEP_ENTRIES, pass.size);
    const leaves = await readLeaves(this.#deps.database, begin, end);
    if (leaves.length < end - begin)
      return `between entry ${begin} and ${end} only ${leaves.length} are left`;
    const hashes: Buffer[] = [];
    for (const [at, text] of leaves.entries()) {
      const leaf = parseLeaf(text);
      if (leaf?.sequence !== begin + at || leaf.previous !== pass.previous)
        return `entry ${begin + at} was changed or moved`;
      const hash = hashLeafText(text);
      pass.range.append(hash);
      pass.previous = hash.toString('hex');
      hashes.push(hash);
    }
    this.#deps.metrics.checked.inc(leaves.length);
    const problem = await this.#checkTiles(begin, hashes);
    if (problem !== null || pass.range.size < pass.size) return problem;
    if (!pass.range.root().equals(pass.root))
      return `the entries do not have the root of the checkpoint of size ${pass.size}`;
    return (await this.#checkUpperTiles(pass)) ?? this.#checkEnd();
  }

  async #checkUpperTiles({ size, root }: Pass): Promise<string | null> {
    try {
      const fromTiles = await treeOf(this.#deps, size).root();
      return fromTiles.equals(root)
        ? null
        : `the tiles do not have the root of the checkpoint of size ${size}`;
    } catch (error) {
      if (error instanceof AppError && error.code === 'NOT_FOUND')
        return `a tile is missing: ${error.message}`;
      throw error;
    }
  }

  /** A row beyond the newest checkpoint stands in the way of the next batch. Both are read in one snapshot. */
  async #checkEnd(): Promise<string | null> {
    const [row] = await queryRows<{ highest: string | null; size: string }>(this.#deps.database, END);
    const highest = row?.highest ?? null;
    return highest === null || Number(highest) < Number(row?.size)
      ? null
      : `entry ${highest} is under no checkpoint: the newest has ${row?.size}`;
  }

  /** Are the stored tiles those of the entries, and the roots above them those of the tiles? */
  async #checkTiles(begin: number, hashes: Buffer[]): Promise<string | null> {
    for (let at = 0; at < hashes.length; at += TILE_WIDTH) {
      const own = hashes.slice(at, at + TILE_WIDTH);
      const index = (begin + at) / TILE_WIDTH;
      const width = widthOf(0, index, begin + hashes.length);
      const tile = await readTile(this.#deps.database, { level: 0, index, width });
      if (tile === null || !tile.equals(Buffer.concat(own)))
        return `tile 0/${index} is not the one of its entries`;
      if (width < TILE_WIDTH) continue;
      const range = new CompactRange();
      for (const hash of own) range.append(hash);
      const above = await readTile(this.#deps.database, {
        level: 1,
        index: Math.floor(index / TILE_WIDTH),
        width: (index % TILE_WIDTH) + 1,
      });
      if (above?.subarray(-32).equals(range.root()) !== true)
        return `the root of tile 0/${index} is not the one of its entries`;
    }
    return null;
  }
}

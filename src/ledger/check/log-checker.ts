import {
  errorText,
  orAfter,
  queryRows,
  toAppError,
  type DataSource,
  type Logger,
} from '../../platform/index.js';
import type { LedgerMetrics } from '../ledger-metrics.js';
import { NO_PREVIOUS } from '../leaf.js';
import { CompactRange } from '../merkle/compact-range.js';
import { TILE_WIDTH } from '../merkle/tile.js';
import { openCheckpoint } from '../note/checkpoint.js';
import type { PersonKeys } from '../person-keys.js';
import { readVerifiers, type LogKeys } from '../signing-keys.js';
import { checkCheckpoints } from './check-checkpoints.js';
import { checkEntries } from './check-entries.js';
import { checkKeys } from './check-keys.js';
import { checkRoot, checkTiles } from './check-tiles.js';
import { LogProblem } from './log-problem.js';
import type { Pass } from './pass.js';

// Four full tiles a step: some ten milliseconds of work, and a million entries are seen again within twenty minutes.
const STEP_ENTRIES = 4 * TILE_WIDTH;
const STEP_EVERY_MS = 1_000;
const STOP_WITHIN_MS = 1_000;

export interface LogCheckerDeps {
  database: DataSource;
  logger: Logger;
  metrics: LedgerMetrics;
  people: PersonKeys;
  origin: string;
  keys: LogKeys;
}

/**
 * Verifies the log again and again while it is in use: every entry in its place, the chain, what is sealed beside it, the
 * tiles, the checkpoints and the keys. What it finds is a metric that must stay 0, and a line in the log of the process.
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
      await this.#checkStep(this.#pass);
      metrics.verifiedSize.set(this.#pass.range.size);
      if (this.#pass.range.size < this.#pass.size) return;
      await checkRoot(this.#deps, this.#pass);
      // A whole pass without a finding clears the metric; a finding stays until then.
      metrics.problems.set(0);
      metrics.verifiedAt.setToCurrentTime();
    } catch (error) {
      // Only what cannot be reached says nothing about the log: all else that cannot be read is not what was written.
      const isUnreachable = !(error instanceof LogProblem) && toAppError(error).code === 'UNAVAILABLE';
      if (isUnreachable) logger.warn({ error: errorText(error) }, 'the ledger could not be verified');
      else {
        metrics.problems.set(1);
        logger.error({ problem: errorText(error) }, 'the ledger does not verify');
      }
    }
    this.#pass = null;
  }

  async #begin(): Promise<Pass | null> {
    const { database, origin, keys } = this.#deps;
    // One statement, so that no batch comes in between.
    const [head] = await queryRows<{ size: string; note: string; entries: string }>(
      database,
      `SELECT size, note, (SELECT coalesce(max(sequence), -1) + 1 FROM ledger_entries) AS entries
         FROM ledger_checkpoints ORDER BY size DESC LIMIT 1`,
    );
    if (head === undefined) return null;
    const [size, entries] = [Number(head.size), Number(head.entries)];
    if (size !== entries)
      throw new LogProblem(`the newest checkpoint has ${size} entries, and there are ${entries}`);
    await checkKeys(database, { origin, keys });
    const opened = openCheckpoint(head.note, origin, await readVerifiers(database, keys, size));
    if (!opened.ok) throw new LogProblem(`the newest checkpoint, of size ${size}: ${opened.reason}`);
    if (opened.checkpoint.size !== size)
      throw new LogProblem(`the newest checkpoint stands at ${size} and is of ${opened.checkpoint.size}`);
    const range = new CompactRange();
    return { size, root: opened.checkpoint.root, range, previous: NO_PREVIOUS, checkpoint: null };
  }

  async #checkStep(pass: Pass): Promise<void> {
    const begin = pass.range.size;
    const end = Math.min(begin + STEP_ENTRIES, pass.size);
    const roots = new Map([[begin, pass.range.root()]]);
    const hashes = await checkEntries(this.#deps, { begin, end, previous: pass.previous });
    for (const hash of hashes) {
      pass.range.append(hash);
      roots.set(pass.range.size, pass.range.root());
    }
    pass.previous = hashes.at(-1)?.toString('hex') ?? pass.previous;
    this.#deps.metrics.checked.inc(hashes.length);
    await checkTiles(this.#deps.database, begin, hashes);
    pass.checkpoint = await checkCheckpoints(this.#deps, { begin, end, last: pass.checkpoint, roots });
  }
}

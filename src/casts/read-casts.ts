import { Coalescer, isStatementError, queryRows, type DataSource, type Digest } from '../platform/index.js';
import type { CastErrorCode, CastStatus } from './cast.js';
import type { CastEntity } from './cast.entity.js';

// One answer of this size takes about 2 ms to read.
const BATCH_CASTS_MAX = 128;
const BATCHES_AT_ONCE = 2;
// A cast passes a few such stops, so under load it takes up to 60 ms longer, and costs a fraction.
const BATCH_SPACING = { leastMs: 8, mostMs: 20 };
const WAITING_READS_MAX = 10_000;

/**
 * Reads casts by id, those of many callers in one statement: every watcher looks at its cast when it begins and when
 * the cast ends, and all of them at about the same time. What is read is never older than the call.
 */
export class CastReader {
  readonly #coalescer: Coalescer<string, CastEntity | null>;

  constructor(deps: { database: DataSource }) {
    this.#coalescer = new Coalescer({
      runBatch: (ids) => readBatch(deps.database, ids),
      itemsMax: BATCH_CASTS_MAX,
      bytesMax: Infinity,
      bytesOf: () => 0,
      batchesMax: BATCHES_AT_ONCE,
      spacing: BATCH_SPACING,
      waitingMax: WAITING_READS_MAX,
      isItemsFault: isStatementError,
    });
  }

  /** The cast with this id (a UUID), whoever owns it. */
  read(id: string): Promise<CastEntity | null> {
    return this.#coalescer.submit(id);
  }
}

interface CastRow {
  id: string;
  account_id: string;
  spell_version_id: string;
  status: CastStatus;
  end_user: string | null;
  idempotency_key: string | null;
  request_digest: string;
  attempts: number;
  queued_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  output_bytes: string | null;
  output_digest: Digest | null;
  output_is_artifact: boolean;
  error_code: CastErrorCode | null;
  error_message: string | null;
  fuel_used: string | null;
  memory_peak_bytes: string | null;
  duration_ms: number | null;
  held_micros: string;
  cost_micros: string | null;
  final_sequence: number | null;
}

async function readBatch(database: DataSource, ids: string[]): Promise<(CastEntity | null)[]> {
  const rows = await queryRows<CastRow>(
    database,
    `SELECT id, account_id, spell_version_id, status, end_user, idempotency_key, request_digest, attempts, queued_at,
            started_at, finished_at, output_bytes, output_digest, output_is_artifact, error_code, error_message,
            fuel_used, memory_peak_bytes, duration_ms, held_micros, cost_micros, final_sequence
       FROM casts WHERE id = ANY($1::uuid[])`,
    [ids],
  );
  const byId = new Map(rows.map((row) => [row.id, toEntity(row)]));
  return ids.map((id) => byId.get(id.toLowerCase()) ?? null);
}

/** By hand, because making an entity through TypeORM costs ten times as much, and this is read for every event stream. */
function toEntity(row: CastRow): CastEntity {
  const int64 = (text: string | null) => (text === null ? null : BigInt(text));
  return {
    id: row.id,
    accountId: row.account_id,
    spellVersionId: row.spell_version_id,
    status: row.status,
    endUser: row.end_user,
    idempotencyKey: row.idempotency_key,
    requestDigest: row.request_digest,
    attempts: row.attempts,
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    outputBytes: int64(row.output_bytes),
    outputDigest: row.output_digest,
    outputIsArtifact: row.output_is_artifact,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    fuelUsed: int64(row.fuel_used),
    memoryPeakBytes: int64(row.memory_peak_bytes),
    durationMs: row.duration_ms,
    heldMicros: BigInt(row.held_micros),
    costMicros: int64(row.cost_micros),
    finalSequence: row.final_sequence,
  };
}

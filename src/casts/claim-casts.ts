import {
  Coalescer,
  isLostRace,
  isStatementError,
  queryRows,
  type Clock,
  type DataSource,
} from '../platform/index.js';
import { LEASE_MS, type CastLimits, type LoweredLimits } from './cast.js';

/** What a worker gets when it claims a cast: all it needs to run it. `attempts` is its fencing token. */
export interface ClaimedCast {
  id: string;
  attempts: number;
  accountId: string;
  spellVersionId: string;
  /** Null for a large one, which is read just before it is needed: many casts may be claimed at once. */
  input: Buffer | null;
  limits: CastLimits;
  queuedAt: Date;
  startedAt: Date;
  lastSequence: number;
}

/** The columns of `casts` that hold its limits. */
export interface CastLimitsRow {
  timeout_ms: number;
  max_memory_bytes: string;
  max_output_bytes: string;
  max_fuel: string;
  extra_limits: LoweredLimits;
}

interface ClaimedRow extends CastLimitsRow {
  id: string;
  attempts: number;
  account_id: string;
  spell_version_id: string;
  input: Buffer | null;
  queued_at: Date;
  started_at: Date;
  last_sequence: number;
}

interface Claim {
  id: string;
  /** The attempt of this worker's own whose sandbox was lost. */
  ownAttempt: number | null;
}

// The jobs of a worker are fewer; one statement of this size takes about 3 ms.
const BATCH_CASTS_MAX = 64;
// One that waits for a lock does not hold up all others.
const BATCHES_AT_ONCE = 2;
// A cast passes a few such stops, so under load it takes up to 60 ms longer, and costs a fraction.
const BATCH_SPACING = { leastMs: 8, mostMs: 20 };
const WAITING_CLAIMS_MAX = 5_000;
// 64 of these are 4 MiB in one answer.
export const INPUT_WITH_CLAIM_BYTES_MAX = 64 * 1024;

/**
 * Takes casts that are queued, or whose lease has run out, or whose own earlier attempt lost its sandbox; those of
 * many jobs in one statement. Leases are compared with the database's clock, because several machines must agree.
 */
export class CastClaims {
  readonly #coalescer: Coalescer<Claim, ClaimedCast | null>;

  constructor(deps: { database: DataSource; clock: Clock; workerId: string; attemptsMax: number }) {
    this.#coalescer = new Coalescer({
      runBatch: (claims) => claimBatch(deps, claims),
      itemsMax: BATCH_CASTS_MAX,
      bytesMax: Infinity,
      bytesOf: () => 0,
      batchesMax: BATCHES_AT_ONCE,
      spacing: BATCH_SPACING,
      waitingMax: WAITING_CLAIMS_MAX,
      isItemsFault: isStatementError,
      isLostRace,
    });
  }

  /** Null when the cast is not to be run: it is final, cancelled, out of attempts, or somebody else's. */
  claim(claim: Claim): Promise<ClaimedCast | null> {
    return this.#coalescer.submit(claim);
  }
}

async function claimBatch(
  deps: { database: DataSource; clock: Clock; workerId: string; attemptsMax: number },
  claims: Claim[],
): Promise<(ClaimedCast | null)[]> {
  const rows = await queryRows<ClaimedRow>(deps.database, CLAIM_CASTS, [
    claims.map(({ id }) => id),
    claims.map(({ ownAttempt }) => ownAttempt),
    deps.workerId,
    LEASE_MS,
    deps.attemptsMax,
    deps.clock.now(),
    INPUT_WITH_CLAIM_BYTES_MAX,
  ]);
  const byId = new Map(rows.map((row) => [row.id, toClaimedCast(row)]));
  return claims.map(({ id }) => {
    const claimed = byId.get(id) ?? null;
    // The same cast twice in a batch is claimed once.
    byId.delete(id);
    return claimed;
  });
}

// A row that somebody has locked is being claimed, settled or cancelled by them; to wait for it would be in vain, and
// two batches that wait for each other's rows would wait for ever.
const CLAIM_CASTS = `
  WITH free AS (
    SELECT c.id FROM unnest($1::uuid[], $2::int[]) AS wanted(id, own_attempt) JOIN casts c ON c.id = wanted.id
     WHERE c.attempts < $5 AND c.cancel_requested_at IS NULL
       AND (c.status = 'QUEUED' OR (c.status = 'RUNNING' AND (c.lease_until < now() OR c.attempts = wanted.own_attempt)))
       FOR NO KEY UPDATE OF c SKIP LOCKED)
  UPDATE casts SET status = 'RUNNING', attempts = attempts + 1, worker_id = $3,
         lease_until = now() + $4 * interval '1 millisecond', started_at = coalesce(started_at, $6)
    FROM free WHERE casts.id = free.id
  RETURNING casts.id, attempts, account_id, spell_version_id,
            CASE WHEN octet_length(input) <= $7 THEN input END AS input,
            timeout_ms, max_memory_bytes, max_output_bytes, max_fuel, extra_limits, queued_at, started_at, last_sequence`;

function toClaimedCast(row: ClaimedRow): ClaimedCast {
  return {
    id: row.id,
    attempts: row.attempts,
    accountId: row.account_id,
    spellVersionId: row.spell_version_id,
    input: row.input,
    limits: toCastLimits(row),
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    lastSequence: row.last_sequence,
  };
}

export function toCastLimits(row: CastLimitsRow): CastLimits {
  return {
    timeoutMs: row.timeout_ms,
    maxMemoryBytes: Number(row.max_memory_bytes),
    maxOutputBytes: Number(row.max_output_bytes),
    maxFuel: BigInt(row.max_fuel),
    lowered: row.extra_limits,
  };
}

/** The input of a claimed cast that did not come with the claim. */
export async function readInput(database: DataSource, id: string): Promise<Buffer> {
  const [row] = await queryRows<{ input: Buffer }>(database, 'SELECT input FROM casts WHERE id = $1', [id]);
  if (row === undefined) throw new Error(`cast ${id} has vanished`);
  return row.input;
}

import { In, LessThan } from 'typeorm';
import { queryRows, type DataSource, type Digest, type PageArgs } from '../platform/index.js';
import type { CastErrorCode, CastLimits, FinalStatus } from './cast.js';
import { CastEntity } from './cast.entity.js';

export interface NewCast {
  id: string;
  accountId: string;
  apiKeyId: string;
  spellVersionId: string;
  endUser: string | null;
  idempotencyKey: string | null;
  requestDigest: Digest;
  input: Buffer;
  limits: CastLimits;
  heldMicros: bigint;
  queuedAt: Date;
}

export const ENQUEUE_TOPIC = 'casts.enqueue';

/**
 * Accepts a cast and its outbox row in one statement, so one round trip is the whole transaction.
 * Null when this account used the idempotency key before.
 */
export async function insertCast(database: DataSource, cast: NewCast): Promise<{ outboxId: string } | null> {
  const [row] = await queryRows<{ id: string }>(database, INSERT_CAST, [
    cast.id,
    cast.accountId,
    cast.apiKeyId,
    cast.spellVersionId,
    cast.endUser,
    cast.idempotencyKey,
    cast.requestDigest,
    cast.input,
    cast.limits.timeoutMs,
    cast.limits.maxMemoryBytes,
    cast.limits.maxOutputBytes,
    cast.limits.maxFuel.toString(),
    cast.heldMicros.toString(),
    cast.queuedAt,
    ENQUEUE_TOPIC,
  ]);
  return row === undefined ? null : { outboxId: row.id };
}

const INSERT_CAST = `
  WITH accepted AS (
    INSERT INTO casts (id, account_id, api_key_id, spell_version_id, status, end_user, idempotency_key, request_digest,
                       input, timeout_ms, max_memory_bytes, max_output_bytes, max_fuel, held_micros, queued_at, last_sequence)
    VALUES ($1, $2, $3, $4, 'QUEUED', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)
    ON CONFLICT (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING id)
  INSERT INTO outbox (topic, payload) SELECT $15, jsonb_build_object('castId', id) FROM accepted RETURNING id`;

/** What a worker gets when it claims a cast: all it needs to run it. `attempts` is its fencing token. */
export interface ClaimedCast {
  id: string;
  attempts: number;
  accountId: string;
  spellVersionId: string;
  input: Buffer;
  limits: CastLimits;
  queuedAt: Date;
  startedAt: Date;
  lastSequence: number;
}

interface ClaimedRow {
  id: string;
  attempts: number;
  account_id: string;
  spell_version_id: string;
  input: Buffer;
  timeout_ms: number;
  max_memory_bytes: string;
  max_output_bytes: string;
  max_fuel: string;
  queued_at: Date;
  started_at: Date;
  last_sequence: number;
}

/**
 * Takes a cast that is queued, or whose lease has run out, or whose own earlier attempt (`ownAttempt`)
 * lost its sandbox. Leases are compared with the database's clock, because several machines must agree.
 */
export async function claimCast(
  database: DataSource,
  claim: {
    id: string;
    workerId: string;
    leaseMs: number;
    attemptsMax: number;
    now: Date;
    ownAttempt: number | null;
  },
): Promise<ClaimedCast | null> {
  const [row] = await queryRows<ClaimedRow>(database, CLAIM_CAST, [
    claim.id,
    claim.workerId,
    claim.leaseMs,
    claim.attemptsMax,
    claim.now,
    claim.ownAttempt,
  ]);
  if (row === undefined) return null;
  return {
    id: row.id,
    attempts: row.attempts,
    accountId: row.account_id,
    spellVersionId: row.spell_version_id,
    input: row.input,
    limits: {
      timeoutMs: row.timeout_ms,
      maxMemoryBytes: Number(row.max_memory_bytes),
      maxOutputBytes: Number(row.max_output_bytes),
      maxFuel: BigInt(row.max_fuel),
    },
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    lastSequence: row.last_sequence,
  };
}

const CLAIM_CAST = `
  UPDATE casts SET status = 'RUNNING', attempts = attempts + 1, worker_id = $2,
         lease_until = now() + $3 * interval '1 millisecond', started_at = coalesce(started_at, $5)
   WHERE id = $1 AND attempts < $4 AND cancel_requested_at IS NULL
     AND (status = 'QUEUED' OR (status = 'RUNNING' AND (lease_until < now() OR attempts = $6)))
  RETURNING id, attempts, account_id, spell_version_id, input, timeout_ms, max_memory_bytes, max_output_bytes, max_fuel,
            queued_at, started_at, last_sequence`;

/** A final state and everything that comes with it. */
export interface Settlement {
  id: string;
  /** The fencing token: the settlement stands only while this is still the cast's attempt. */
  attempt: number;
  status: FinalStatus;
  finishedAt: Date;
  output: Buffer | null;
  outputBytes: number | null;
  outputDigest: Digest | null;
  outputIsArtifact: boolean;
  error: { code: CastErrorCode; message: string } | null;
  fuelUsed: bigint | null;
  memoryPeakBytes: number | null;
  durationMs: number | null;
  costMicros: bigint;
  finalSequence: number;
}

/** True when the settlement stands; false when someone else has claimed or settled the cast meanwhile. */
export async function settleCast(database: DataSource, settlement: Settlement): Promise<boolean> {
  const rows = await queryRows(database, SETTLE_CAST, [
    settlement.id,
    settlement.attempt,
    settlement.status,
    settlement.finishedAt,
    settlement.output,
    settlement.outputBytes,
    settlement.outputDigest,
    settlement.outputIsArtifact,
    settlement.error?.code ?? null,
    settlement.error?.message ?? null,
    settlement.fuelUsed?.toString() ?? null,
    settlement.memoryPeakBytes,
    settlement.durationMs,
    settlement.costMicros.toString(),
    settlement.finalSequence,
  ]);
  return rows.length === 1;
}

const SETTLE_CAST = `
  UPDATE casts SET status = $3, finished_at = $4, output = $5, output_bytes = $6, output_digest = $7,
         output_is_artifact = $8, error_code = $9, error_message = $10, fuel_used = $11, memory_peak_bytes = $12,
         duration_ms = $13, cost_micros = $14, final_sequence = $15, held_micros = 0, lease_until = NULL
   WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'
  RETURNING id`;

/**
 * Ends the lease of a cast that this worker will not finish. The next sweep then treats it like one whose worker
 * was lost: begins it again, ends it after its last attempt, or cancels it.
 */
export async function giveUpLease(database: DataSource, id: string, attempt: number): Promise<void> {
  await queryRows(
    database,
    `UPDATE casts SET lease_until = now() WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'`,
    [id, attempt],
  );
}

/** Makes a queued cast CANCELED at once. False when it is not queued (any more). */
export async function cancelQueuedCast(
  database: DataSource,
  cancel: { id: string; accountId: string; now: Date; finalSequence: number },
): Promise<boolean> {
  const rows = await queryRows(
    database,
    `UPDATE casts SET status = 'CANCELED', finished_at = $3, cancel_requested_at = $3, held_micros = 0,
            cost_micros = 0, final_sequence = $4
      WHERE id = $1 AND account_id = $2 AND status = 'QUEUED' RETURNING id`,
    [cancel.id, cancel.accountId, cancel.now, cancel.finalSequence],
  );
  return rows.length === 1;
}

/** Notes on a running cast that it shall stop. Its worker sees it with the next heartbeat at the latest. */
export async function requestCancel(
  database: DataSource,
  cancel: { id: string; accountId: string; now: Date },
): Promise<void> {
  await queryRows(
    database,
    `UPDATE casts SET cancel_requested_at = coalesce(cancel_requested_at, $3)
      WHERE id = $1 AND account_id = $2 AND status = 'RUNNING'`,
    [cancel.id, cancel.accountId, cancel.now],
  );
}

export interface Heartbeat {
  id: string;
  attempt: number;
  lastSequence: number;
}

/** Renews the leases of what a worker runs, in one statement. A cast that is not answered is not its own any more. */
export async function renewLeases(
  database: DataSource,
  running: Heartbeat[],
  leaseMs: number,
): Promise<Map<string, { isCancelRequested: boolean }>> {
  const rows = await queryRows<{ id: string; canceling: boolean }>(database, RENEW_LEASES, [
    running.map((beat) => beat.id),
    running.map((beat) => beat.attempt),
    running.map((beat) => beat.lastSequence),
    leaseMs,
  ]);
  return new Map(rows.map((row) => [row.id, { isCancelRequested: row.canceling }]));
}

const RENEW_LEASES = `
  UPDATE casts SET lease_until = now() + $4 * interval '1 millisecond', last_sequence = greatest(last_sequence, beat.sequence)
    FROM unnest($1::uuid[], $2::int[], $3::int[]) AS beat(id, attempt, sequence)
   WHERE casts.id = beat.id AND casts.attempts = beat.attempt AND casts.status = 'RUNNING'
  RETURNING casts.id, casts.cancel_requested_at IS NOT NULL AS canceling`;

export interface OverdueCast {
  id: string;
  attempts: number;
  lastSequence: number;
  isCancelRequested: boolean;
}

/** Running casts whose worker has not renewed its lease. */
export async function findOverdueCasts(database: DataSource, limit: number): Promise<OverdueCast[]> {
  const rows = await queryRows<{ id: string; attempts: number; last_sequence: number; canceling: boolean }>(
    database,
    `SELECT id, attempts, last_sequence, cancel_requested_at IS NOT NULL AS canceling FROM casts
      WHERE status = 'RUNNING' AND lease_until < now() ORDER BY id LIMIT $1`,
    [limit],
  );
  return rows.map((row) => ({
    id: row.id,
    attempts: row.attempts,
    lastSequence: row.last_sequence,
    isCancelRequested: row.canceling,
  }));
}

/** Queued casts that should have been taken by now, in the order of their ids, from `afterId` on. */
export async function findWaitingCasts(
  database: DataSource,
  waiting: { queuedBefore: Date; afterId: string | null; limit: number },
): Promise<string[]> {
  const rows = await queryRows<{ id: string }>(
    database,
    `SELECT id FROM casts WHERE status = 'QUEUED' AND queued_at < $1 AND ($2::uuid IS NULL OR id > $2)
      ORDER BY id LIMIT $3`,
    [waiting.queuedBefore, waiting.afterId, waiting.limit],
  );
  return rows.map((row) => row.id);
}

export async function findCast(
  database: DataSource,
  accountId: string,
  id: string,
): Promise<CastEntity | null> {
  return database.getRepository(CastEntity).findOneBy({ id, accountId });
}

export async function findCastByIdempotencyKey(
  database: DataSource,
  accountId: string,
  idempotencyKey: string,
): Promise<CastEntity | null> {
  return database.getRepository(CastEntity).findOneBy({ accountId, idempotencyKey });
}

/** The account's casts, newest first: up to `first + 1`. */
export async function findCasts(
  database: DataSource,
  accountId: string,
  page: PageArgs,
): Promise<CastEntity[]> {
  return database.getRepository(CastEntity).find({
    where: { accountId, ...(page.afterId === null ? {} : { id: LessThan(page.afterId) }) },
    order: { id: 'DESC' },
    take: page.first + 1,
  });
}

/** For a DataLoader: the inline outputs of these casts, in their order. */
export async function loadOutputs(database: DataSource, ids: readonly string[]): Promise<(Buffer | null)[]> {
  const rows = await queryRows<{ id: string; output: Buffer | null }>(
    database,
    `SELECT id, output FROM casts WHERE id = ANY($1::uuid[])`,
    [ids],
  );
  const byId = new Map(rows.map((row) => [row.id, row.output]));
  return ids.map((id) => byId.get(id) ?? null);
}

/** For a DataLoader: the casts with these ids, in their order, whoever owns them. */
export async function loadCasts(
  database: DataSource,
  ids: readonly string[],
): Promise<(CastEntity | null)[]> {
  const found = await database.getRepository(CastEntity).findBy({ id: In([...ids]) });
  const byId = new Map(found.map((cast) => [cast.id, cast]));
  return ids.map((id) => byId.get(id) ?? null);
}

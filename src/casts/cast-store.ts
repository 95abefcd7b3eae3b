import { In, LessThan } from 'typeorm';
import { queryRows, type DataSource, type PageArgs } from '../platform/index.js';
import { CastEntity } from './cast.entity.js';

export const ENQUEUE_TOPIC = 'casts.enqueue';

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

/** A lease that was renewed, or one whose row somebody has locked: who has it may be settling it, or ending it. */
export interface Lease {
  isRenewed: boolean;
  isCancelRequested: boolean;
}

/**
 * Renews the leases of what a worker runs, in one statement. A cast that is not answered is not its own any more. Locked rows
 * are left out and not waited for: the others would lose their leases meanwhile.
 */
export async function renewLeases(
  database: DataSource,
  running: Heartbeat[],
  leaseMs: number,
): Promise<Map<string, Lease>> {
  const rows = await queryRows<{ id: string; renewed: boolean; canceling: boolean }>(database, RENEW_LEASES, [
    running.map((beat) => beat.id),
    running.map((beat) => beat.attempt),
    running.map((beat) => beat.lastSequence),
    leaseMs,
  ]);
  return new Map(rows.map((row) => [row.id, { isRenewed: row.renewed, isCancelRequested: row.canceling }]));
}

const RENEW_LEASES = `
  WITH beats AS (SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[]) AS beat(id, attempt, sequence)),
  own AS (
    SELECT casts.id, beats.sequence FROM casts JOIN beats
        ON casts.id = beats.id AND casts.attempts = beats.attempt AND casts.status = 'RUNNING'
     ORDER BY casts.id FOR NO KEY UPDATE OF casts SKIP LOCKED),
  renewed AS (
    UPDATE casts SET lease_until = now() + $4 * interval '1 millisecond', last_sequence = greatest(last_sequence, own.sequence)
      FROM own WHERE casts.id = own.id
    RETURNING casts.id)
  SELECT casts.id, casts.cancel_requested_at IS NOT NULL AS canceling, renewed.id IS NOT NULL AS renewed
    FROM casts JOIN beats ON casts.id = beats.id AND casts.attempts = beats.attempt AND casts.status = 'RUNNING'
    LEFT JOIN renewed ON renewed.id = casts.id`;

export interface OverdueCast {
  id: string;
  accountId: string;
  attempts: number;
  lastSequence: number;
  startedAt: Date;
  isCancelRequested: boolean;
}

/** Running casts whose worker has not renewed its lease. */
export async function findOverdueCasts(database: DataSource, limit: number): Promise<OverdueCast[]> {
  const rows = await queryRows<{
    id: string;
    account_id: string;
    attempts: number;
    last_sequence: number;
    started_at: Date;
    canceling: boolean;
  }>(
    database,
    `SELECT id, account_id, attempts, last_sequence, started_at, cancel_requested_at IS NOT NULL AS canceling FROM casts
      WHERE finished_at IS NULL AND status = 'RUNNING' AND lease_until < now() ORDER BY id LIMIT $1`,
    [limit],
  );
  return rows.map((row) => ({
    id: row.id,
    accountId: row.account_id,
    attempts: row.attempts,
    lastSequence: row.last_sequence,
    startedAt: row.started_at,
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
    `SELECT id FROM casts
      WHERE finished_at IS NULL AND status = 'QUEUED' AND queued_at < $1 AND ($2::uuid IS NULL OR id > $2)
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

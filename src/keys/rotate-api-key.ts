import { IsNull, type EntityManager } from 'typeorm';
import { requireScope, type Principal } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import { AppError, badInput, notFound } from '../platform/index.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { makeApiKey, type IssueDeps, type IssuedApiKey } from './issue-api-key.js';
import { requireRoom } from './require-room.js';

// Long enough to roll out a new key everywhere by default, short enough that rotation means something.
const OVERLAP_DEFAULT_S = 24 * 3_600;
const OVERLAP_MAX_S = 30 * 24 * 3_600;

/** Issues a successor with the same name and scopes; the old key works until the overlap has passed. */
export async function rotateApiKey(
  deps: IssueDeps,
  principal: Principal | null,
  input: { prefix: string; overlapSeconds?: number | null },
): Promise<IssuedApiKey & { replaced: ApiKeyEntity }> {
  const { accountId } = requireScope(principal, 'admin');
  const overlapSeconds = input.overlapSeconds ?? OVERLAP_DEFAULT_S;
  if (overlapSeconds < 0 || overlapSeconds > OVERLAP_MAX_S) {
    throw badInput([{ path: 'overlapSeconds', reason: `must be from 0 to ${OVERLAP_MAX_S}` }]);
  }
  const now = deps.clock.now();
  // Asked twice: here so that the successor can be hashed while nothing is locked, below so that it still stands.
  const seen = await findRotatable(deps.database.manager, accountId, input.prefix, now, false);
  const { name, scopes, expiresAt } = seen;
  const issued = await makeApiKey(deps, { accountId, name, scopes, expiresAt });
  const replaced = await deps.database.transaction(async (manager) => {
    // The row lock makes two rotations of one key at the same moment one rotation and one CONFLICT.
    const old = await findRotatable(manager, accountId, input.prefix, now, true);
    await replace(manager, old, issued.apiKey, new Date(now.getTime() + overlapSeconds * 1_000), now);
    return old;
  });
  return { ...issued, replaced };
}

async function findRotatable(
  manager: EntityManager,
  accountId: string,
  prefix: string,
  now: Date,
  locks: boolean,
): Promise<ApiKeyEntity> {
  const old = await manager.getRepository(ApiKeyEntity).findOne({
    where: { accountId, prefix, revokedAt: IsNull() },
    ...(locks ? { lock: { mode: 'pessimistic_write' } } : {}),
  });
  if (old === null) throw notFound('API key');
  if (old.rotatedTo !== null) throw new AppError('CONFLICT', 'this key was rotated already');
  if (old.expiresAt !== null && old.expiresAt <= now) throw new AppError('CONFLICT', 'this key has expired');
  return old;
}

async function replace(
  manager: EntityManager,
  old: ApiKeyEntity,
  successor: ApiKeyEntity,
  overlapEnd: Date,
  now: Date,
): Promise<void> {
  const keys = manager.getRepository(ApiKeyEntity);
  old.expiresAt = old.expiresAt !== null && old.expiresAt < overlapEnd ? old.expiresAt : overlapEnd;
  old.rotatedTo = successor.id;
  // The end of the old key first: without an overlap it makes room for its successor.
  await keys.update({ id: old.id }, { expiresAt: old.expiresAt });
  await requireRoom(manager, old.accountId, now);
  await keys.insert(successor);
  await keys.update({ id: old.id }, { rotatedTo: old.rotatedTo });
  await appendFact(manager, {
    accountId: old.accountId,
    kind: 'key.rotated',
    subject: old.prefix,
    occurredAt: now,
    content: {
      keyId: old.id,
      expiresAt: old.expiresAt.toISOString(),
      successor: { keyId: successor.id, prefix: successor.prefix, scopes: successor.scopes },
    },
  });
}

import { IsNull } from 'typeorm';
import { requireScope, type Principal } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import { AppError, badInput, notFound, type Clock, type DataSource } from '../platform/index.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { makeApiKey, type IssuedApiKey } from './create-api-key.js';

// Long enough to roll out a new key everywhere by default, short enough that rotation means something.
const OVERLAP_DEFAULT_S = 24 * 3_600;
const OVERLAP_MAX_S = 30 * 24 * 3_600;

/** Issues a successor with the same name and scopes; the old key works until the overlap has passed. */
export async function rotateApiKey(
  deps: { database: DataSource; clock: Clock },
  principal: Principal | null,
  input: { prefix: string; overlapSeconds?: number | null },
): Promise<IssuedApiKey & { replaced: ApiKeyEntity }> {
  const { accountId } = requireScope(principal, 'admin');
  const overlapSeconds = input.overlapSeconds ?? OVERLAP_DEFAULT_S;
  if (overlapSeconds < 0 || overlapSeconds > OVERLAP_MAX_S) {
    throw badInput([{ path: 'overlapSeconds', reason: `must be from 0 to ${OVERLAP_MAX_S}` }]);
  }
  return deps.database.transaction(async (manager) => {
    const keys = manager.getRepository(ApiKeyEntity);
    // The row lock makes two rotations of one key at the same moment one rotation and one CONFLICT.
    const old = await keys.findOne({
      where: { accountId, prefix: input.prefix, revokedAt: IsNull() },
      lock: { mode: 'pessimistic_write' },
    });
    if (old === null) throw notFound('API key');
    if (old.rotatedTo !== null) throw new AppError('CONFLICT', 'this key was rotated already');
    const now = deps.clock.now();
    if (old.expiresAt !== null && old.expiresAt <= now)
      throw new AppError('CONFLICT', 'this key has expired');
    const issued = await makeApiKey(deps.clock, {
      accountId,
      name: old.name,
      scopes: old.scopes,
      expiresAt: old.expiresAt,
    });
    await keys.insert(issued.apiKey);
    const overlapEnd = new Date(now.getTime() + overlapSeconds * 1_000);
    old.rotatedTo = issued.apiKey.id;
    old.expiresAt = old.expiresAt !== null && old.expiresAt < overlapEnd ? old.expiresAt : overlapEnd;
    await keys.update({ id: old.id }, { rotatedTo: old.rotatedTo, expiresAt: old.expiresAt });
    await appendFact(manager, {
      accountId,
      kind: 'key.rotated',
      subject: old.prefix,
      occurredAt: now,
      content: {
        keyId: old.id,
        expiresAt: old.expiresAt.toISOString(),
        successor: { keyId: issued.apiKey.id, prefix: issued.apiKey.prefix, scopes: issued.apiKey.scopes },
      },
    });
    return { ...issued, replaced: old };
  });
}

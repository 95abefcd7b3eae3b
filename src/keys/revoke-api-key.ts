import { requireScope, type Principal } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import { notFound, type Clock, type DataSource, type PubSub } from '../platform/index.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { REVOKED_CHANNEL } from './key-verifier.js';

/** Ends a key for good. Every process stops accepting it and closes its sockets within 5 s. */
export async function revokeApiKey(
  deps: { database: DataSource; clock: Clock; pubsub: PubSub },
  principal: Principal | null,
  input: { prefix: string },
): Promise<ApiKeyEntity> {
  const { accountId } = requireScope(principal, 'admin');
  const key = await deps.database.transaction(async (manager) => {
    const keys = manager.getRepository(ApiKeyEntity);
    // The row lock makes two revocations at the same moment one, with one fact.
    const found = await keys.findOne({
      where: { accountId, prefix: input.prefix },
      lock: { mode: 'pessimistic_write' },
    });
    if (found === null) throw notFound('API key');
    if (found.revokedAt !== null) return found;
    found.revokedAt = deps.clock.now();
    await keys.update({ id: found.id }, { revokedAt: found.revokedAt });
    await appendFact(manager, {
      accountId,
      kind: 'key.revoked',
      subject: found.prefix,
      occurredAt: found.revokedAt,
      content: { keyId: found.id },
    });
    return found;
  });
  // Not waited for: Redis may be away, and the background check of every process finds it all the same.
  void deps.pubsub.publish(REVOKED_CHANNEL, key.id).catch(() => undefined);
  return key;
}

import { requireScope, type Principal } from '../accounts/index.js';
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
  const keys = deps.database.getRepository(ApiKeyEntity);
  const key = await keys.findOneBy({ accountId, prefix: input.prefix });
  if (key === null) throw notFound('API key');
  if (key.revokedAt === null) {
    key.revokedAt = deps.clock.now();
    await keys.update({ id: key.id }, { revokedAt: key.revokedAt });
  }
  // Not waited for: Redis may be away, and the background check of every process finds it all the same.
  void deps.pubsub.publish(REVOKED_CHANNEL, key.id).catch(() => undefined);
  return key;
}

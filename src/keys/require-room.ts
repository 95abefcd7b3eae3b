import { AccountEntity } from '../accounts/index.js';
import { AppError, type EntityManager } from '../platform/index.js';
import { ApiKeyEntity } from './api-key.entity.js';

// Keeps an account's list, and what the background check reads, within reason.
const KEYS_PER_ACCOUNT_MAX = 1_000;

/** CONFLICT when the account has as many keys as it may that still open something. */
export async function requireRoom(manager: EntityManager, accountId: string, now: Date): Promise<void> {
  // Two keys that are made at the same moment must not both take the last place. Whoever only refers to the account,
  // as each cast does, does not wait for this lock.
  await manager.getRepository(AccountEntity).findOne({
    where: { id: accountId },
    select: { id: true },
    lock: { mode: 'for_no_key_update' },
  });
  const count = await manager
    .getRepository(ApiKeyEntity)
    .createQueryBuilder('key')
    .where('key.account_id = :accountId AND key.revoked_at IS NULL', { accountId })
    .andWhere('(key.expires_at IS NULL OR key.expires_at > :now)', { now })
    .getCount();
  if (count >= KEYS_PER_ACCOUNT_MAX) {
    throw new AppError('CONFLICT', `an account can have at most ${KEYS_PER_ACCOUNT_MAX} keys in use`);
  }
}

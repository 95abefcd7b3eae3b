import { appendFact } from '../ledger/index.js';
import { newId, type Clock, type DataSource } from '../platform/index.js';
import { AccountEntity } from './account.entity.js';

/** Opens an account, or answers the one that has this login already. */
export async function openAccount(
  deps: { database: DataSource; clock: Clock },
  input: { login: string; email?: string },
): Promise<AccountEntity> {
  return deps.database.transaction(async (manager) => {
    const accounts = manager.getRepository(AccountEntity);
    const id = newId(deps.clock);
    const openedAt = deps.clock.now();
    await accounts
      .createQueryBuilder()
      .insert()
      .values({ id, login: input.login, email: input.email ?? null, createdAt: openedAt })
      .orIgnore()
      .execute();
    const account = await accounts.findOneByOrFail({ login: input.login });
    if (account.id === id)
      await appendFact(manager, {
        accountId: id,
        kind: 'account.opened',
        subject: id,
        occurredAt: openedAt,
        content: { login: account.login },
      });
    return account;
  });
}

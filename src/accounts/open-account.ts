import { newId, type Clock, type DataSource } from '../platform/index.js';
import { AccountEntity } from './account.entity.js';

/** Opens an account, or answers the one that has this login already. */
export async function openAccount(
  deps: { database: DataSource; clock: Clock },
  input: { login: string; email?: string },
): Promise<AccountEntity> {
  const accounts = deps.database.getRepository(AccountEntity);
  await accounts
    .createQueryBuilder()
    .insert()
    .values({
      id: newId(deps.clock),
      login: input.login,
      email: input.email ?? null,
      createdAt: deps.clock.now(),
    })
    .orIgnore()
    .execute();
  return accounts.findOneByOrFail({ login: input.login });
}

import { Ctx, Query, Resolver } from 'type-graphql';
import { notFound, type DataSource } from '../platform/index.js';
import { AccountEntity } from './account.entity.js';
import { AccountType, toAccountType } from './account.type.js';
import { requirePrincipal, type RequestContext } from './principal.js';

@Resolver()
export class AccountResolver {
  readonly #database: DataSource;

  constructor(deps: { database: DataSource }) {
    this.#database = deps.database;
  }

  @Query(() => AccountType, { description: 'The account that is asking.' })
  async viewer(@Ctx() context: RequestContext): Promise<AccountType> {
    const principal = requirePrincipal(context.principal);
    const account = await this.#database.getRepository(AccountEntity).findOneBy({ id: principal.accountId });
    if (account === null) throw notFound('account');
    return toAccountType(account);
  }
}

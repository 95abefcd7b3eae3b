import { LessThan } from 'typeorm';
import { requireScope, type Principal } from '../accounts/index.js';
import type { DataSource, PageArgs } from '../platform/index.js';
import { ApiKeyEntity } from './api-key.entity.js';

/** The account's keys, newest first: up to `first + 1`, so that the caller sees whether there are more. */
export async function listApiKeys(
  deps: { database: DataSource },
  principal: Principal | null,
  page: PageArgs,
): Promise<ApiKeyEntity[]> {
  const { accountId } = requireScope(principal, 'read');
  return deps.database.getRepository(ApiKeyEntity).find({
    where: { accountId, ...(page.afterId === null ? {} : { id: LessThan(page.afterId) }) },
    order: { id: 'DESC' },
    take: page.first + 1,
  });
}

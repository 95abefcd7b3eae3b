import { requireScope, type Principal } from '../accounts/index.js';
import { notFound, queryRows, type DataSource } from '../platform/index.js';

/** Ends the webhook with this address. What was not delivered yet is not sent any more. */
export async function deleteWebhook(
  deps: { database: DataSource },
  principal: Principal | null,
  input: { url: string },
): Promise<{ url: string; createdAt: Date }> {
  const { accountId } = requireScope(principal, 'admin');
  const [row] = await queryRows<{ url: string; created_at: Date }>(
    deps.database,
    `DELETE FROM account_webhooks WHERE account_id = $1 AND url = $2 RETURNING url, created_at`,
    [accountId, input.url],
  );
  if (row === undefined) throw notFound('webhook');
  return { url: row.url, createdAt: row.created_at };
}

import { requireScope, type Principal } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import { notFound, queryRows, type Clock, type DataSource } from '../platform/index.js';
import { SUBJECT } from './set-webhook.js';

/** Ends the webhook with this address. What was not delivered yet is not sent any more. */
export async function deleteWebhook(
  deps: { database: DataSource; clock: Clock },
  principal: Principal | null,
  input: { url: string },
): Promise<{ url: string; createdAt: Date }> {
  const { accountId } = requireScope(principal, 'admin');
  return deps.database.transaction(async (manager) => {
    const [row] = await queryRows<{ url: string; created_at: Date }>(
      manager,
      `DELETE FROM account_webhooks WHERE account_id = $1 AND url = $2 RETURNING url, created_at`,
      [accountId, input.url],
    );
    if (row === undefined) throw notFound('webhook');
    const webhook = { url: row.url, createdAt: row.created_at };
    const content = { url: webhook.url, createdAt: webhook.createdAt.toISOString() };
    const occurredAt = deps.clock.now();
    await appendFact(manager, { accountId, kind: 'webhook.deleted', subject: SUBJECT, occurredAt, content });
    return webhook;
  });
}

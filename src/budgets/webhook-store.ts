import { requireScope, type Principal } from '../accounts/index.js';
import { queryRows, type DataSource } from '../platform/index.js';

/** Where an account wants its alerts; the secret is made from the salt. */
export interface StoredWebhook {
  accountId: string;
  url: string;
  secretSalt: Buffer;
  createdAt: Date;
}

interface WebhookRow {
  account_id: string;
  url: string;
  secret_salt: Buffer;
  created_at: Date;
}

export async function findWebhooks(
  database: DataSource,
  accountIds: readonly string[],
): Promise<StoredWebhook[]> {
  const rows = await queryRows<WebhookRow>(
    database,
    `SELECT account_id, url, secret_salt, created_at FROM account_webhooks WHERE account_id = ANY ($1::uuid[])`,
    [accountIds],
  );
  return rows.map((row) => ({
    accountId: row.account_id,
    url: row.url,
    secretSalt: row.secret_salt,
    createdAt: row.created_at,
  }));
}

/** The webhook of the asking account, without its secret. */
export async function showWebhook(
  deps: { database: DataSource },
  principal: Principal | null,
): Promise<{ url: string; createdAt: Date } | null> {
  const { accountId } = requireScope(principal, 'read');
  const [webhook] = await findWebhooks(deps.database, [accountId]);
  return webhook === undefined ? null : { url: webhook.url, createdAt: webhook.createdAt };
}

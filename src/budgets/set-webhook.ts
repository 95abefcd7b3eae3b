import { randomBytes } from 'node:crypto';
import { requireScope, type Principal } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import { queryRows, type Clock, type DataSource } from '../platform/index.js';
import { checkWebhookUrl } from './webhook-address.js';
import { deriveWebhookSecret } from './webhook-secret.js';

export interface SetWebhookDeps {
  database: DataSource;
  clock: Clock;
  /** What the secrets of all webhooks are derived from. */
  webhookKey: Buffer;
  /** Tests and private networks: http and addresses that are not public are accepted. */
  allowPrivateWebhooks: boolean;
}

const SALT_BYTES = 32;
/** An account has one webhook, and an address may be longer than a subject. */
export const SUBJECT = 'webhook';

/** Sets where budget alerts are sent. Each call makes a new secret, which is shown this once. */
export async function setWebhook(
  deps: SetWebhookDeps,
  principal: Principal | null,
  input: { url: string },
): Promise<{ webhook: { url: string; createdAt: Date }; secret: string }> {
  const { accountId } = requireScope(principal, 'admin');
  const { href: url } = await checkWebhookUrl(input.url, deps.allowPrivateWebhooks);
  const salt = randomBytes(SALT_BYTES);
  const createdAt = deps.clock.now();
  await deps.database.transaction(async (manager) => {
    await queryRows(manager, UPSERT_WEBHOOK, [accountId, url, salt, createdAt]);
    const content = { url, createdAt: createdAt.toISOString() };
    await appendFact(manager, {
      accountId,
      kind: 'webhook.set',
      subject: SUBJECT,
      occurredAt: createdAt,
      content,
    });
  });
  return { webhook: { url, createdAt }, secret: deriveWebhookSecret(deps.webhookKey, accountId, salt) };
}

const UPSERT_WEBHOOK = `
  INSERT INTO account_webhooks (account_id, url, secret_salt, created_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (account_id) DO UPDATE
     SET url = excluded.url, secret_salt = excluded.secret_salt, created_at = excluded.created_at`;

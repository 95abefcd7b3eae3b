import { hkdfSync } from 'node:crypto';

const SECRET_BYTES = 24;
const PREFIX = 'whsec_';

/**
 * The secret of a webhook, derived (HKDF, RFC 5869) from the platform's key and the salt of the webhook: it can be made
 * again for each delivery, and the database does not hold it.
 */
export function deriveWebhookSecret(platformKey: Buffer, accountId: string, salt: Buffer): string {
  const bytes = hkdfSync('sha256', platformKey, salt, `spell webhook ${accountId}`, SECRET_BYTES);
  return PREFIX + Buffer.from(bytes).toString('base64');
}

import { argon2Sync, randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { newId, systemClock } from '../src/platform/index.js';
import { SecretDigests, generateKey } from '../src/keys/index.js';
import { KEY } from './product.js';

// Two budgets for each account, as a careful caster has them; large enough for every cast of a run.
const ADD_BUDGETS = `
  INSERT INTO budgets (id, account_id, scope, subject, period, hard_limit_micros, notify_thresholds, created_at, updated_at)
  SELECT gen_random_uuid(), $1, scope, subject, 'MONTHLY', 1000000000, '{}', now(), now()
    FROM (VALUES ('ACCOUNT', ''), ('API_KEY', $2)) AS wanted(scope, subject)`;

/**
 * Accounts with a key each and budgets on both, written into the database directly. Their hashes are Argon2id with its least parameters:
 * a real one costs 60 ms when a key is first seen, which a thousand keys would make a minute of nothing.
 */
export async function seedAccounts(databaseUrl: string, count: number): Promise<string[]> {
  const digests = new SecretDigests(Buffer.from(KEY, 'hex'));
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const keys: string[] = [];
    for (let i = 0; i < count; i++) {
      const { prefix, secret, key } = generateKey();
      const [accountId, keyId] = [newId(systemClock), newId(systemClock)];
      await client.query(`INSERT INTO accounts (id, login, created_at) VALUES ($1, $2, now())`, [
        accountId,
        `bench-${accountId}`,
      ]);
      await client.query(
        `INSERT INTO api_keys (id, account_id, name, prefix, secret_hash, secret_digest, scopes, created_at)
         VALUES ($1, $2, 'bench', $3, $4, $5, '{admin}', now())`,
        [keyId, accountId, prefix, hashCheaply(secret), digests.of(secret)],
      );
      await client.query(ADD_BUDGETS, [accountId, prefix]);
      keys.push(key);
    }
    return keys;
  } finally {
    await client.end();
  }
}

function hashCheaply(secret: string): string {
  const nonce = randomBytes(16);
  const tag = argon2Sync('argon2id', {
    message: secret,
    nonce,
    memory: 8,
    passes: 1,
    parallelism: 1,
    tagLength: 32,
  });
  const phc = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=8,t=1,p=1$${phc(nonce)}$${phc(tag)}`;
}

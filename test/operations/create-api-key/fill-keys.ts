import type { DataSource } from '../../../src/platform/index.js';

/** Gives an account many keys that nobody can use, in one statement instead of so many Argon2 computations. */
export async function fillKeys(
  database: DataSource,
  accountId: string,
  count: number,
  expiresAt: Date | null = null,
): Promise<void> {
  await database.query(
    `INSERT INTO api_keys (id, account_id, name, prefix, secret_hash, scopes, created_at, expires_at)
     SELECT gen_random_uuid(), $1, 'filler', 'filler_' || gen_random_uuid(), '', '{cast}', now(), $3
       FROM generate_series(1, $2::int)`,
    [accountId, count, expiresAt],
  );
}

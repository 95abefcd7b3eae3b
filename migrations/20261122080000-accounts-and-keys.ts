import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who is asking: accounts, and the API keys that speak for them. */
export class AccountsAndKeys20261122080000 implements MigrationInterface {
  name = 'AccountsAndKeys20261122080000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE accounts (
        id uuid PRIMARY KEY,
        login text NOT NULL CONSTRAINT accounts_login_key UNIQUE,
        email text,
        created_at timestamptz NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE api_keys (
        id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES accounts,
        name text NOT NULL,
        prefix text NOT NULL CONSTRAINT api_keys_prefix_key UNIQUE,
        secret_hash text NOT NULL,
        scopes text[] NOT NULL
          CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['cast', 'publish', 'read', 'admin']),
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        last_used_at timestamptz,
        revoked_at timestamptz,
        rotated_to uuid REFERENCES api_keys
      )`);
    await runner.query(`CREATE INDEX api_keys_by_account ON api_keys (account_id, id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE api_keys`);
    await runner.query(`DROP TABLE accounts`);
  }
}

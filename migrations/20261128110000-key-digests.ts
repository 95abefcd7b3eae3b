import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A keyed digest of each key's secret beside its Argon2id hash: a wrong secret is found out without Argon2. Keys that were
 * issued before have none until they are used for the first time.
 */
export class KeyDigests20261128110000 implements MigrationInterface {
  name = 'KeyDigests20261128110000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE api_keys ADD COLUMN secret_digest bytea`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE api_keys DROP COLUMN secret_digest`);
  }
}

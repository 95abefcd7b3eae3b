import type { MigrationInterface, QueryRunner } from 'typeorm';

/** By what a process knows at its start whether its master key is the one of this ledger. Says nothing of the key itself. */
export class LedgerMasterKey20261128120100 implements MigrationInterface {
  name = 'LedgerMasterKey20261128120100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ledger_master_key (
        is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
        check_value bytea NOT NULL CHECK (length(check_value) = 32)
      )`);
    await runner.query(`
      CREATE TRIGGER ledger_master_key_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_master_key
      FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE ledger_master_key`);
  }
}

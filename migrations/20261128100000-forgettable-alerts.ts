import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Alerts that have no delivery before them are deleted by age; without this each look for them would read all. */
export class ForgettableAlerts20261128100000 implements MigrationInterface {
  name = 'ForgettableAlerts20261128100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX budget_alerts_by_age ON budget_alerts (inserted_at) WHERE webhook_state <> 'DUE'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX budget_alerts_by_age`);
  }
}

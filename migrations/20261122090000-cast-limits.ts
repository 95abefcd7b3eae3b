import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a request lowered of the limits that have no column of their own, by key of src/limits. Mostly nothing: the rest
 * is what the version's manifest declares, and a version never changes.
 */
export class CastLimits20261122090000 implements MigrationInterface {
  name = 'CastLimits20261122090000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE casts ADD COLUMN extra_limits jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT casts_extra_limits_are_an_object CHECK (jsonb_typeof(extra_limits) = 'object')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE casts DROP COLUMN extra_limits`);
  }
}

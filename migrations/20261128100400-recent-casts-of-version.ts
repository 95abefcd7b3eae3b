import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The last successes of a version, which an estimate looks at: without this it reads all casts of an account to find those of
 * a version that was seldom cast. An output is what success has and nothing else; the status itself is not looked at,
 * because then each claim would write the indexes too.
 */
export class RecentCastsOfVersion20261128100400 implements MigrationInterface {
  name = 'RecentCastsOfVersion20261128100400';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX casts_succeeded ON casts (account_id, spell_version_id, id DESC) WHERE output_digest IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX casts_succeeded`);
  }
}

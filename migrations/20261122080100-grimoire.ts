import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The grimoire: spells, their immutable versions, and uploads that wait to be published. */
export class Grimoire20261122080100 implements MigrationInterface {
  name = 'Grimoire20261122080100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE spells (
        id uuid PRIMARY KEY,
        key text NOT NULL CONSTRAINT spells_key_key UNIQUE,
        account_id uuid NOT NULL REFERENCES accounts,
        created_at timestamptz NOT NULL
      )`);
    await runner.query(`CREATE INDEX spells_by_account ON spells (account_id, id)`);
    await runner.query(`
      CREATE TABLE spell_versions (
        id uuid PRIMARY KEY,
        spell_id uuid NOT NULL REFERENCES spells,
        version text NOT NULL,
        package_digest text NOT NULL,
        module_digest text NOT NULL,
        prepared_digest text NOT NULL,
        cost_table int NOT NULL,
        sbom_digest text NOT NULL,
        sbom_media_type text NOT NULL,
        manifest jsonb NOT NULL,
        input_schema jsonb,
        readme text,
        tags text[] NOT NULL,
        bundle jsonb,
        published_by uuid NOT NULL REFERENCES accounts,
        published_at timestamptz NOT NULL,
        yanked_at timestamptz,
        CONSTRAINT spell_versions_version_key UNIQUE (spell_id, version)
      )`);
    await runner.query(`CREATE INDEX spell_versions_by_tag ON spell_versions USING gin (tags)`);
    await runner.query(`
      CREATE FUNCTION spell_versions_are_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF (to_jsonb(NEW) - 'yanked_at') IS DISTINCT FROM (to_jsonb(OLD) - 'yanked_at')
           OR OLD.yanked_at IS NOT NULL THEN
          RAISE EXCEPTION 'a published version does not change, and a yank is not taken back';
        END IF;
        RETURN NEW;
      END $$`);
    await runner.query(`
      CREATE TRIGGER spell_versions_are_immutable BEFORE UPDATE ON spell_versions
      FOR EACH ROW EXECUTE FUNCTION spell_versions_are_immutable()`);
    await runner.query(`
      CREATE TABLE uploads (
        account_id uuid NOT NULL REFERENCES accounts,
        digest text NOT NULL,
        size_bytes bigint NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (account_id, digest)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE uploads`);
    await runner.query(`DROP TABLE spell_versions`);
    await runner.query(`DROP FUNCTION spell_versions_are_immutable`);
    await runner.query(`DROP TABLE spells`);
  }
}

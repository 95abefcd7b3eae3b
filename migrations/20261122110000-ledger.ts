import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The ledger: facts that wait for their place, the log itself, and the keys of the people in it. */
export class Ledger20261122110000 implements MigrationInterface {
  name = 'Ledger20261122110000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ledger_outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        account_id uuid NOT NULL,
        kind text NOT NULL CONSTRAINT ledger_outbox_kind CHECK (kind IN (
          'account.opened', 'key.created', 'key.rotated', 'key.revoked', 'spell.published', 'spell.yanked',
          'budget.set', 'budget.deleted', 'cast.settled')),
        subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 500),
        occurred_at timestamptz NOT NULL,
        content json NOT NULL
          CHECK (json_typeof(content) = 'object' AND octet_length(content::text) <= 16384)
      )`);
    // Rows come and go: without this, the way to the oldest leads past all that have gone, until a fifth of the table has.
    await runner.query(
      `ALTER TABLE ledger_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`,
    );
    // A leaf has one form, so what is checked of it is at a fixed place in its text: reading it as JSON took as long as the rest.
    await runner.query(`
      CREATE TABLE ledger_entries (
        sequence bigint PRIMARY KEY CHECK (sequence >= 0),
        leaf text NOT NULL CHECK (octet_length(leaf) BETWEEN 1 AND 65535),
        pseudonym text NOT NULL GENERATED ALWAYS AS (substr(leaf, 13, 22)) STORED,
        subject_hash bytea,
        sealed bytea,
        CONSTRAINT ledger_entries_leaf_has_sequence
          CHECK (leaf LIKE '{"account":"%' AND leaf LIKE '%","sequence":' || sequence || ',"version":1}')
      )`);
    // Sealed bytes and hashes do not compress; trying costs time in every batch.
    await runner.query(`ALTER TABLE ledger_entries ALTER COLUMN sealed SET STORAGE EXTERNAL`);
    await runner.query(`CREATE INDEX ledger_entries_by_person ON ledger_entries (pseudonym, sequence)`);
    await runner.query(
      `CREATE INDEX ledger_entries_by_subject ON ledger_entries (subject_hash) WHERE subject_hash IS NOT NULL`,
    );
    await runner.query(`
      CREATE TABLE ledger_tiles (
        level smallint NOT NULL CHECK (level BETWEEN 0 AND 6),
        index bigint NOT NULL CHECK (index >= 0),
        root bytea NOT NULL CHECK (length(root) = 32),
        hashes bytea CHECK (length(hashes) = 8192),
        PRIMARY KEY (level, index),
        CONSTRAINT ledger_tiles_leaves_have_hashes CHECK ((level = 0) = (hashes IS NOT NULL))
      )`);
    await runner.query(`ALTER TABLE ledger_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL`);
    await runner.query(`
      CREATE TABLE ledger_checkpoints (
        size bigint PRIMARY KEY CHECK (size >= 0),
        previous_size bigint REFERENCES ledger_checkpoints,
        note text NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT ledger_checkpoints_extended_once UNIQUE NULLS NOT DISTINCT (previous_size),
        CONSTRAINT ledger_checkpoints_grow
          CHECK ((size = 0) = (previous_size IS NULL) AND (previous_size IS NULL OR size > previous_size))
      )`);
    await runner.query(`
      CREATE TABLE ledger_keys (
        name text NOT NULL,
        key_id bytea NOT NULL CHECK (length(key_id) = 4),
        public_key bytea NOT NULL CHECK (length(public_key) = 32),
        added_at timestamptz NOT NULL,
        added_size bigint NOT NULL,
        retired_at timestamptz,
        retired_size bigint,
        PRIMARY KEY (name, key_id),
        CONSTRAINT ledger_keys_retired_whole CHECK ((retired_at IS NULL) = (retired_size IS NULL))
      )`);
    await runner.query(`
      CREATE TABLE person_keys (
        account_id uuid PRIMARY KEY,
        pseudonym text CONSTRAINT person_keys_pseudonym_key UNIQUE,
        wrapped_key bytea,
        created_at timestamptz NOT NULL,
        destroyed_at timestamptz,
        CONSTRAINT person_keys_whole_or_gone CHECK (
          (destroyed_at IS NULL AND pseudonym IS NOT NULL AND wrapped_key IS NOT NULL)
          OR (destroyed_at IS NOT NULL AND pseudonym IS NULL AND wrapped_key IS NULL))
      )`);
    await this.#guard(runner);
  }

  /** What was written stays as it was written, for the owner of the tables too. */
  async #guard(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION '% of % refused: the ledger is append-only', TG_OP, TG_TABLE_NAME;
      END $$`);
    for (const table of ['ledger_entries', 'ledger_tiles', 'ledger_checkpoints'])
      await runner.query(`
        CREATE TRIGGER ${table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${table}
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()`);
    // Rows leave the outbox when they enter the log; they never change and never leave all at once.
    await runner.query(`
      CREATE TRIGGER ledger_outbox_is_append_only BEFORE UPDATE OR TRUNCATE ON ledger_outbox
      FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()`);
    await runner.query(`
      CREATE TRIGGER ledger_keys_stay BEFORE DELETE OR TRUNCATE ON ledger_keys
      FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()`);
    await runner.query(`
      CREATE TRIGGER person_keys_stay BEFORE DELETE OR TRUNCATE ON person_keys
      FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()`);
    await runner.query(`
      CREATE FUNCTION ledger_keys_retire_once() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF OLD.retired_at IS NOT NULL
           OR (NEW.name, NEW.key_id, NEW.public_key, NEW.added_at, NEW.added_size)
              IS DISTINCT FROM (OLD.name, OLD.key_id, OLD.public_key, OLD.added_at, OLD.added_size) THEN
          RAISE EXCEPTION 'a ledger key does not change, and its retirement is not taken back';
        END IF;
        RETURN NEW;
      END $$`);
    await runner.query(`
      CREATE TRIGGER ledger_keys_retire_once BEFORE UPDATE ON ledger_keys
      FOR EACH ROW EXECUTE FUNCTION ledger_keys_retire_once()`);
    await runner.query(`
      CREATE FUNCTION person_keys_only_end() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF OLD.destroyed_at IS NOT NULL OR NEW.destroyed_at IS NULL OR NEW.account_id <> OLD.account_id THEN
          RAISE EXCEPTION 'a person''s key does not change: it is destroyed once, and for good';
        END IF;
        RETURN NEW;
      END $$`);
    await runner.query(`
      CREATE TRIGGER person_keys_only_end BEFORE UPDATE ON person_keys
      FOR EACH ROW EXECUTE FUNCTION person_keys_only_end()`);
    await runner.query(`
      CREATE FUNCTION ledger_checkpoint_has_no_gap() RETURNS trigger LANGUAGE plpgsql
      -- Its plan is kept while the log grows: one that was made when it was short would read all of it for every batch.
      SET enable_seqscan = off AS $$
      BEGIN
        IF (SELECT count(*) FROM ledger_entries WHERE sequence >= coalesce(NEW.previous_size, 0) AND sequence < NEW.size)
           <> NEW.size - coalesce(NEW.previous_size, 0) THEN
          RAISE EXCEPTION 'a checkpoint of size % would cover a gap', NEW.size;
        END IF;
        RETURN NEW;
      END $$`);
    await runner.query(`
      CREATE TRIGGER ledger_checkpoint_has_no_gap BEFORE INSERT ON ledger_checkpoints
      FOR EACH ROW EXECUTE FUNCTION ledger_checkpoint_has_no_gap()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of [
      'person_keys',
      'ledger_keys',
      'ledger_checkpoints',
      'ledger_tiles',
      'ledger_entries',
    ])
      await runner.query(`DROP TABLE ${table}`);
    await runner.query(`DROP TABLE ledger_outbox`);
    for (const name of [
      'ledger_is_append_only',
      'ledger_keys_retire_once',
      'person_keys_only_end',
      'ledger_checkpoint_has_no_gap',
    ])
      await runner.query(`DROP FUNCTION ${name}`);
  }
}

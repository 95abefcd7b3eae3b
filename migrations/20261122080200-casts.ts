import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Casts, and the outbox through which a commit reaches the queue. The states are those of docs/PROTOCOL.md. */
export class Casts20261122080200 implements MigrationInterface {
  name = 'Casts20261122080200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        topic text NOT NULL,
        payload jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE casts (
        id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES accounts,
        api_key_id uuid NOT NULL REFERENCES api_keys,
        spell_version_id uuid NOT NULL REFERENCES spell_versions,
        status text NOT NULL CHECK (status IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED')),
        end_user text,
        idempotency_key text,
        request_digest text NOT NULL,
        input bytea NOT NULL,
        timeout_ms int NOT NULL CHECK (timeout_ms > 0),
        max_memory_bytes bigint NOT NULL CHECK (max_memory_bytes > 0),
        max_output_bytes bigint NOT NULL CHECK (max_output_bytes > 0),
        max_fuel bigint NOT NULL CHECK (max_fuel > 0),
        attempts int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
        worker_id text,
        lease_until timestamptz,
        cancel_requested_at timestamptz,
        queued_at timestamptz NOT NULL,
        started_at timestamptz,
        finished_at timestamptz,
        output bytea,
        output_bytes bigint,
        output_digest text,
        output_is_artifact boolean NOT NULL DEFAULT false,
        error_code text,
        error_message text,
        fuel_used bigint CHECK (fuel_used >= 0),
        memory_peak_bytes bigint,
        duration_ms int,
        held_micros bigint NOT NULL CHECK (held_micros >= 0),
        cost_micros bigint CHECK (cost_micros >= 0),
        last_sequence int NOT NULL DEFAULT 0,
        final_sequence int,
        CONSTRAINT casts_running_has_lease CHECK ((status = 'RUNNING') = (lease_until IS NOT NULL)),
        CONSTRAINT casts_final_is_complete CHECK (
          (status IN ('SUCCEEDED', 'FAILED', 'CANCELED'))
            = (finished_at IS NOT NULL AND final_sequence IS NOT NULL AND cost_micros IS NOT NULL)),
        CONSTRAINT casts_failed_has_code CHECK ((status = 'FAILED') = (error_code IS NOT NULL)),
        CONSTRAINT casts_hold_ends CHECK (finished_at IS NULL OR held_micros = 0)
      )`);
    // Compressing inputs and outputs that are mostly images costs time on the way of a cast and saves nothing.
    await runner.query(
      `ALTER TABLE casts ALTER COLUMN input SET STORAGE EXTERNAL, ALTER COLUMN output SET STORAGE EXTERNAL`,
    );
    await runner.query(`CREATE INDEX casts_by_account ON casts (account_id, id DESC)`);
    await runner.query(
      `CREATE UNIQUE INDEX casts_idempotency_key ON casts (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL`,
    );
    await runner.query(`CREATE INDEX casts_open ON casts (id) WHERE status IN ('QUEUED', 'RUNNING')`);
    await runner.query(`
      CREATE FUNCTION casts_final_stays_final() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'cast % is final', OLD.id;
      END $$`);
    await runner.query(`
      CREATE TRIGGER casts_final_stays_final BEFORE UPDATE ON casts
      FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION casts_final_stays_final()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE casts`);
    await runner.query(`DROP FUNCTION casts_final_stays_final`);
    await runner.query(`DROP TABLE outbox`);
  }
}

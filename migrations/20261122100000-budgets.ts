import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Budgets, what they hold and have spent per period, their alerts, and the guards that keep them true. */
export class Budgets20261122100000 implements MigrationInterface {
  name = 'Budgets20261122100000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...TABLES, ...GUARDS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of UNDO) await runner.query(statement);
  }
}

const TABLES = [
  `CREATE TABLE budgets (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    scope text NOT NULL CHECK (scope IN ('ACCOUNT', 'API_KEY', 'SPELL', 'END_USER')),
    subject text NOT NULL,
    period text NOT NULL CHECK (period IN ('DAILY', 'MONTHLY')),
    soft_limit_micros bigint CHECK (soft_limit_micros >= 0),
    hard_limit_micros bigint CHECK (hard_limit_micros >= 0),
    notify_thresholds int[] NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT budgets_subject_fits_scope CHECK ((scope = 'ACCOUNT') = (subject = '')),
    CONSTRAINT budgets_soft_is_not_above_hard CHECK (soft_limit_micros <= hard_limit_micros),
    CONSTRAINT budgets_have_a_limit CHECK (soft_limit_micros IS NOT NULL OR hard_limit_micros IS NOT NULL),
    CONSTRAINT budgets_subject_key UNIQUE (account_id, scope, subject, period)
  )`,
  // One row per budget and period, made by the first cast in it. fired holds the thresholds told in this period;
  // 0 stands for the soft limit. Half of each page stays free, so that the many updates of a row stay in its page.
  `CREATE TABLE budget_periods (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    budget_id uuid NOT NULL REFERENCES budgets ON DELETE CASCADE,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL CHECK (period_end > period_start),
    spent_micros bigint NOT NULL DEFAULT 0 CHECK (spent_micros >= 0),
    held_micros bigint NOT NULL DEFAULT 0 CHECK (held_micros >= 0),
    fired int[] NOT NULL DEFAULT '{}',
    CONSTRAINT budget_periods_start_key UNIQUE (budget_id, period_start)
  ) WITH (fillfactor = 50)`,
  `CREATE TABLE budget_alerts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id uuid NOT NULL REFERENCES accounts,
    scope text NOT NULL,
    subject text NOT NULL,
    period text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('SOFT_LIMIT', 'THRESHOLD')),
    threshold_percent int,
    limit_micros bigint NOT NULL,
    spent_micros bigint NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    at timestamptz NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    webhook_state text NOT NULL DEFAULT 'DUE' CHECK (webhook_state IN ('DUE', 'DELIVERED', 'FAILED', 'NONE')),
    webhook_attempts int NOT NULL DEFAULT 0,
    webhook_next_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT budget_alerts_threshold_has_percent CHECK ((kind = 'THRESHOLD') = (threshold_percent IS NOT NULL))
  )`,
  `CREATE INDEX budget_alerts_by_account ON budget_alerts (account_id, inserted_at)`,
  `CREATE INDEX budget_alerts_due ON budget_alerts (webhook_next_at) WHERE webhook_state = 'DUE'`,
  // The secret is derived from the platform's key and the salt, so a copy of this table signs nothing.
  `CREATE TABLE account_webhooks (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    url text NOT NULL,
    secret_salt bytea NOT NULL,
    created_at timestamptz NOT NULL
  )`,
  // The periods that accepted the cast: each holds casts.held_micros for it, and is charged, however late it ends.
  `ALTER TABLE casts ADD COLUMN budget_period_ids uuid[] NOT NULL DEFAULT '{}'`,
  `CREATE INDEX api_keys_rotated_to ON api_keys (rotated_to) WHERE rotated_to IS NOT NULL`,
  `CREATE INDEX casts_usage ON casts (account_id, queued_at)`,
  `CREATE INDEX casts_idempotency_age ON casts (queued_at) WHERE idempotency_key IS NOT NULL`,
];

const GUARDS = [
  // What lowers the sum is always right: the limit may have been lowered below what is spent and held.
  `CREATE FUNCTION budget_periods_stay_below_limit() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.spent_micros + NEW.held_micros > (SELECT hard_limit_micros FROM budgets WHERE id = NEW.budget_id) THEN
      RAISE EXCEPTION 'budget period % would pass its limit', NEW.id;
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER budget_periods_stay_below_limit BEFORE UPDATE ON budget_periods
   FOR EACH ROW WHEN (NEW.spent_micros + NEW.held_micros > OLD.spent_micros + OLD.held_micros)
   EXECUTE FUNCTION budget_periods_stay_below_limit()`,
  // A cast ends in settle_casts or not at all: only there its hold goes back in the same transaction.
  `CREATE FUNCTION casts_end_by_settling() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF coalesce(current_setting('spell.settling', true), '') <> 'on' THEN
      RAISE EXCEPTION 'cast % may end in settle_casts only', OLD.id;
    END IF;
    IF NEW.cost_micros > OLD.held_micros THEN
      RAISE EXCEPTION 'cast % would cost % but holds %', OLD.id, NEW.cost_micros, OLD.held_micros;
    END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER casts_end_by_settling BEFORE UPDATE ON casts
   FOR EACH ROW WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL)
   EXECUTE FUNCTION casts_end_by_settling()`,
  `CREATE FUNCTION casts_open_keep_their_hold() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'cast % is open: its hold stands', OLD.id;
  END $$`,
  `CREATE TRIGGER casts_open_keep_their_hold BEFORE UPDATE ON casts
   FOR EACH ROW WHEN (OLD.budget_period_ids IS DISTINCT FROM NEW.budget_period_ids
                      OR (NEW.finished_at IS NULL AND OLD.held_micros <> NEW.held_micros))
   EXECUTE FUNCTION casts_open_keep_their_hold()`,
  `CREATE TRIGGER casts_open_are_not_deleted BEFORE DELETE ON casts
   FOR EACH ROW WHEN (OLD.finished_at IS NULL) EXECUTE FUNCTION casts_open_keep_their_hold()`,
  // The one thing that may change on a final cast: its idempotency key is forgotten after its time.
  `CREATE OR REPLACE FUNCTION casts_final_stays_final() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    otherwise casts := NEW;
  BEGIN
    otherwise.idempotency_key := OLD.idempotency_key;
    IF NEW.idempotency_key IS NOT NULL OR otherwise IS DISTINCT FROM OLD THEN
      RAISE EXCEPTION 'cast % is final', OLD.id;
    END IF;
    RETURN NEW;
  END $$`,
];

const UNDO = [
  `CREATE OR REPLACE FUNCTION casts_final_stays_final() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'cast % is final', OLD.id;
  END $$`,
  `DROP TRIGGER casts_open_are_not_deleted ON casts`,
  `DROP TRIGGER casts_open_keep_their_hold ON casts`,
  `DROP TRIGGER casts_end_by_settling ON casts`,
  `DROP FUNCTION casts_open_keep_their_hold`,
  `DROP FUNCTION casts_end_by_settling`,
  `DROP INDEX casts_idempotency_age`,
  `DROP INDEX casts_usage`,
  `DROP INDEX api_keys_rotated_to`,
  `ALTER TABLE casts DROP COLUMN budget_period_ids`,
  `DROP TABLE account_webhooks`,
  `DROP TABLE budget_alerts`,
  `DROP TABLE budget_periods`,
  `DROP FUNCTION budget_periods_stay_below_limit`,
  `DROP TABLE budgets`,
];

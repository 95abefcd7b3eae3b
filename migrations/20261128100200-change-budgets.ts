import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `set_budget` and `delete_budget`: one statement each, because what they lock is in the way of the casts of an account, and
 * must not be held while a process is on its way to the next statement, or stopped. Locks in the order of accept_casts.
 */
export class ChangeBudgets20261128100200 implements MigrationInterface {
  name = 'ChangeBudgets20261128100200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(SET_BUDGET);
    await runner.query(DELETE_BUDGET);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION delete_budget`);
    await runner.query(`DROP FUNCTION set_budget`);
  }
}

// As long as accept_casts waits; the caller tries again.
const LOCK_WITHIN_MS = 250;

// Answers nothing when the account has as many others as it may have. The lock on the period comes last: it waits for
// acceptances that have read the old limits, so that none of them commits after this, and those that come wait for it.
const SET_BUDGET = `
  CREATE FUNCTION set_budget(new_id uuid, owner uuid, of_scope text, of_subject text, of_period text, soft bigint,
                             hard bigint, thresholds int[], set_at timestamptz, starts_at timestamptz, others_max int,
                             fact json)
  RETURNS TABLE (budget_id uuid, spent_micros bigint, held_micros bigint, alerts jsonb)
  LANGUAGE plpgsql SET lock_timeout = '${LOCK_WITHIN_MS}ms' AS $$
  #variable_conflict use_column
  DECLARE
    set_id uuid;
    period_id uuid;
  BEGIN
    -- Budgets of one account are set one after the other, so that their number can be counted on.
    PERFORM FROM accounts WHERE id = owner FOR NO KEY UPDATE;
    IF (SELECT count(*) FROM budgets b WHERE b.account_id = owner
           AND (b.scope, b.subject, b.period) <> (of_scope, of_subject, of_period)) > others_max THEN
      RETURN;
    END IF;
    INSERT INTO budgets AS b (id, account_id, scope, subject, period, soft_limit_micros, hard_limit_micros,
                              notify_thresholds, created_at, updated_at)
    VALUES (new_id, owner, of_scope, of_subject, of_period, soft, hard, thresholds, set_at, set_at)
    ON CONFLICT (account_id, scope, subject, period) DO UPDATE
       SET soft_limit_micros = excluded.soft_limit_micros, hard_limit_micros = excluded.hard_limit_micros,
           notify_thresholds = excluded.notify_thresholds, updated_at = excluded.updated_at
    RETURNING b.id INTO set_id;
    INSERT INTO ledger_outbox (account_id, kind, subject, occurred_at, content)
    VALUES (owner, 'budget.set', set_id::text, set_at, fact);
    SELECT p.id INTO period_id FROM budget_periods p
      WHERE p.budget_id = set_id AND p.period_start = starts_at FOR NO KEY UPDATE;
    RETURN QUERY
      SELECT set_id, coalesce(p.spent_micros, 0), coalesce(p.held_micros, 0),
             (SELECT coalesce(jsonb_agg(jsonb_build_object('id', f.outbox_id::text, 'payload', f.payload)), '[]')
                FROM fire_budget_alerts(ARRAY[period_id], set_at) AS f)
        FROM (SELECT) AS one LEFT JOIN budget_periods p ON p.id = period_id;
  END $$`;

// Periods are locked in one order before they go: the cascade would take them as they lie, and settle_casts by id.
const DELETE_BUDGET = `
  CREATE FUNCTION delete_budget(owner uuid, of_scope text, of_subject text, of_period text, deleted_at timestamptz,
                                starts_at timestamptz, fact json)
  RETURNS TABLE (id uuid, scope text, subject text, period text, soft_limit_micros bigint, hard_limit_micros bigint,
                 notify_thresholds int[], spent_micros bigint, held_micros bigint)
  LANGUAGE plpgsql SET lock_timeout = '${LOCK_WITHIN_MS}ms' AS $$
  #variable_conflict use_column
  DECLARE
    gone_id uuid;
  BEGIN
    SELECT b.id INTO gone_id FROM budgets b
      WHERE b.account_id = owner AND b.scope = of_scope AND b.subject = of_subject AND b.period = of_period FOR UPDATE;
    IF gone_id IS NULL THEN
      RETURN;
    END IF;
    PERFORM FROM budget_periods p WHERE p.budget_id = gone_id ORDER BY p.id FOR UPDATE;
    RETURN QUERY
      SELECT b.id, b.scope, b.subject, b.period, b.soft_limit_micros, b.hard_limit_micros, b.notify_thresholds,
             coalesce(p.spent_micros, 0), coalesce(p.held_micros, 0)
        FROM budgets b LEFT JOIN budget_periods p ON p.budget_id = b.id AND p.period_start = starts_at
       WHERE b.id = gone_id;
    DELETE FROM budgets b WHERE b.id = gone_id;
    INSERT INTO ledger_outbox (account_id, kind, subject, occurred_at, content)
    VALUES (owner, 'budget.deleted', gone_id::text, deleted_at, fact);
  END $$`;

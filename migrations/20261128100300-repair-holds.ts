import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Holds are repaired period by period, also where the limit was lowered meanwhile: the guard is for casts, and what open
 * casts hold is true whatever the limit is. Looking for differences reads no period that nobody can hold on any more.
 */
export class RepairHolds20261128100300 implements MigrationInterface {
  name = 'RepairHolds20261128100300';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [BY_END, GUARD, HOLD_DIFFERENCES, REPAIR_HOLDS]) await runner.query(statement);
  }

  /** The functions keep their forms and go with the migrations that made them. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX budget_periods_by_end`);
  }
}

// Not by what is held: an index that looks at held_micros would be written by each acceptance and settlement.
const BY_END = `CREATE INDEX budget_periods_by_end ON budget_periods (period_end)`;

const GUARD = `
  CREATE OR REPLACE FUNCTION budget_periods_stay_below_limit() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF coalesce(current_setting('spell.repairing', true), '') <> 'on'
       AND NEW.spent_micros + NEW.held_micros > (SELECT hard_limit_micros FROM budgets WHERE id = NEW.budget_id) THEN
      RAISE EXCEPTION 'budget period % would pass its limit', NEW.id;
    END IF;
    RETURN NEW;
  END $$`;

// Periods that are over for a week and have no open cast: what they hold was looked at ten thousand times by then.
const HOLD_DIFFERENCES = `
  CREATE OR REPLACE FUNCTION hold_differences() RETURNS TABLE (period_id uuid, difference_micros bigint) LANGUAGE sql AS $$
    WITH open AS (
      SELECT pid, sum(c.held_micros) AS micros
        FROM casts c CROSS JOIN unnest(c.budget_period_ids) AS pid
       WHERE c.finished_at IS NULL GROUP BY pid),
    looked_at AS (
      SELECT id FROM budget_periods WHERE period_end > now() - interval '7 days'
      UNION SELECT pid FROM open)
    SELECT p.id, (p.held_micros - coalesce(open.micros, 0))::bigint
      FROM looked_at JOIN budget_periods p ON p.id = looked_at.id LEFT JOIN open ON open.pid = p.id
     WHERE p.held_micros <> coalesce(open.micros, 0) $$`;

// Whoever holds the lock of a period sees no hold of it come or go, so what differs then is really wrong. A period that
// cannot be locked or repaired now keeps no other from it.
const REPAIR_HOLDS = `
  CREATE OR REPLACE FUNCTION repair_holds() RETURNS TABLE (period_id uuid, difference_micros bigint)
  LANGUAGE plpgsql SET lock_timeout = '250ms' AS $$
  #variable_conflict use_column
  DECLARE
    suspect uuid;
    wrong_by bigint;
  BEGIN
    FOR suspect IN SELECT d.period_id FROM hold_differences() AS d ORDER BY d.period_id LOOP
      BEGIN
        PERFORM FROM budget_periods p WHERE p.id = suspect FOR NO KEY UPDATE;
        SELECT d.difference_micros INTO wrong_by FROM hold_differences() AS d WHERE d.period_id = suspect;
        CONTINUE WHEN wrong_by IS NULL;
        PERFORM set_config('spell.repairing', 'on', true);
        UPDATE budget_periods p SET held_micros = p.held_micros - wrong_by WHERE p.id = suspect;
        PERFORM set_config('spell.repairing', 'off', true);
        period_id := suspect;
        difference_micros := wrong_by;
        RETURN NEXT;
      EXCEPTION WHEN lock_not_available OR deadlock_detected OR check_violation OR numeric_value_out_of_range THEN
        RAISE WARNING 'the hold of budget period % was not repaired: %', suspect, SQLERRM;
      END;
    END LOOP;
  END $$`;

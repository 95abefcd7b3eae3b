import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `settle_casts`: the only way in which a cast ends. It takes a batch, answers the places of the endings that stand
 * (and, without a place, outbox rows of the alerts it fired), and returns every hold in the same transaction.
 * `repair_holds` finds none to return unless something else is broken. docs/decisions/0014 has the reasons.
 */
export class SettleCasts20261122100200 implements MigrationInterface {
  name = 'SettleCasts20261122100200';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      CAST_ENDING,
      CAST_RELEASE,
      FIRE_ALERTS,
      SETTLE_CASTS,
      HOLD_DIFFERENCES,
      REPAIR_HOLDS,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const name of ['repair_holds', 'hold_differences', 'settle_casts', 'fire_budget_alerts'])
      await runner.query(`DROP FUNCTION ${name}`);
    for (const type of ['cast_release', 'cast_ending']) await runner.query(`DROP TYPE ${type}`);
  }
}

const CAST_ENDING = `
  CREATE TYPE cast_ending AS (
    place int, id uuid, attempt int, from_status text, status text, finished_at timestamptz,
    spell_terms text, run_terms text, pricing_terms text, input_digest text, output_at int, inline_bytes int, output_bytes bigint, output_digest text,
    output_is_artifact boolean, error_code text, error_message text, exit_code bigint, fuel_used bigint, memory_peak_bytes bigint, duration_ms int, cost_micros bigint,
    final_sequence int)`;

const CAST_RELEASE = `
  CREATE TYPE cast_release AS (place int, held_micros bigint, period_ids uuid[])`;

// Tells each threshold that these periods have reached, once per period; 0 stands for the soft limit.
const FIRE_ALERTS = `
  CREATE FUNCTION fire_budget_alerts(of_periods uuid[], fired_at timestamptz)
  RETURNS TABLE (outbox_id bigint, payload jsonb) LANGUAGE sql AS $$
    WITH due AS (
      SELECT p.id, b.account_id, b.scope, b.subject, b.period, p.period_start, p.period_end, p.spent_micros,
             mark.threshold, mark.limit_micros
        FROM budget_periods p JOIN budgets b ON b.id = p.budget_id
       CROSS JOIN LATERAL (
         SELECT 0 AS threshold, b.soft_limit_micros AS limit_micros, b.soft_limit_micros::numeric AS from_micros
          WHERE b.soft_limit_micros IS NOT NULL
         UNION ALL
         SELECT t, coalesce(b.hard_limit_micros, b.soft_limit_micros),
                coalesce(b.hard_limit_micros, b.soft_limit_micros)::numeric * t / 100
           FROM unnest(b.notify_thresholds) AS t) AS mark
       WHERE p.id = ANY (of_periods) AND p.spent_micros > 0 AND p.spent_micros >= mark.from_micros
         AND mark.threshold <> ALL (p.fired)),
    marked AS (
      UPDATE budget_periods p SET fired = p.fired || d.thresholds
        FROM (SELECT id, array_agg(threshold) AS thresholds FROM due GROUP BY id) AS d WHERE p.id = d.id),
    written AS (
      INSERT INTO budget_alerts (account_id, scope, subject, period, kind, threshold_percent, limit_micros,
                                 spent_micros, period_start, period_end, at)
      SELECT account_id, scope, subject, period, CASE threshold WHEN 0 THEN 'SOFT_LIMIT' ELSE 'THRESHOLD' END,
             nullif(threshold, 0), limit_micros, spent_micros, period_start, period_end, fired_at
        FROM due ORDER BY id, threshold
      RETURNING id, account_id)
    INSERT INTO outbox (topic, payload)
    SELECT 'budgets.alert', jsonb_build_object('alertId', id, 'accountId', account_id) FROM written
    RETURNING id, payload $$`;

// As JavaScript writes a time.
const utc = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const orNull = (text: string): string => `coalesce(${text}, 'null')`;
const quoted = (text: string): string => orNull(`'"' || ${text} || '"'`);

/**
 * The content of the fact, canonical JSON (RFC 8785) as the ledger takes it: members in their order, no spaces. Nothing of the
 * row needs an escape, and what could is in the terms, which come as canonical JSON. Built as text because as jsonb
 * it would take three times as long, and have another order.
 */
const FACT = `format(
  '{"castId":"%s","ending":{"attempts":%s,"durationMs":%s,"errorCode":%s,"exitCode":%s,"fuelUsed":%s,"memoryPeakBytes":%s,"status":"%s"},'
  '"input":{"bytes":%s,"digest":"%s"},"output":%s,"price":{"costMicros":"%s","heldMicros":"%s","pricing":%s},"run":%s,"spell":%s,'
  '"times":{"finishedAt":"%s","queuedAt":"%s","startedAt":%s},"version":1}',
  t.id, t.attempts, ${orNull('t.duration_ms::text')}, ${quoted('t.error_code')}, ${orNull('t.exit_code::text')},
  ${quoted('t.fuel_used')}, ${orNull('t.memory_peak_bytes::text')}, t.status,
  t.input_bytes, t.input_digest, ${orNull(`'{"bytes":' || t.output_bytes || ',"digest":"' || t.output_digest || '"}'`)},
  t.cost_micros, t.held_micros, t.pricing_terms, t.run_terms, t.spell_terms,
  ${utc('t.finished_at')}, ${utc('t.queued_at')}, ${quoted(utc('t.started_at'))})::json`;

// No plan of it may read a table from end to end: plans are kept, also those made when the tables were small.
const SETTLE_CASTS = `
  CREATE FUNCTION settle_casts(batch jsonb, outputs bytea)
  RETURNS TABLE (place int, outbox_id bigint, payload jsonb) LANGUAGE plpgsql
  SET enable_seqscan = off AS $$
  #variable_conflict use_column
  DECLARE
    endings cast_ending[];
    standing cast_release[];
    touched uuid[];
  BEGIN
    SELECT array_agg(e) INTO endings FROM jsonb_populate_recordset(NULL::cast_ending, batch) AS e;
    -- The fencing token decides, on the newest version of the row. Rows in one order, as heartbeats take them.
    SELECT array_agg(ROW(locked.place, locked.held_micros, locked.budget_period_ids)::cast_release) INTO standing
      FROM (SELECT e.place, c.held_micros, c.budget_period_ids
              FROM casts c
              JOIN (SELECT DISTINCT ON (d.id, d.attempt, d.from_status) d.*
                      FROM unnest(endings) AS d ORDER BY d.id, d.attempt, d.from_status, d.place) AS e
                ON c.id = e.id AND c.attempts = e.attempt AND c.status = e.from_status
             ORDER BY c.id FOR NO KEY UPDATE OF c) AS locked;
    IF standing IS NULL THEN
      RETURN;
    END IF;

    IF EXISTS (SELECT FROM unnest(endings) AS e
                WHERE e.spell_terms IS NULL OR e.run_terms IS NULL OR e.pricing_terms IS NULL) THEN
      RAISE EXCEPTION 'a cast must end with the terms of its run: without them nothing could prove how it ended';
    END IF;

    -- The one place where casts end, and every one of them leaves its fact for the ledger. What the fact says is read
    -- from the row as it now is; terms are what the code derives of its version.
    PERFORM set_config('spell.settling', 'on', true);
    WITH settled AS (
      UPDATE casts c
         SET status = e.status, finished_at = e.finished_at,
             output = substring(outputs FROM e.output_at + 1 FOR e.inline_bytes), output_bytes = e.output_bytes,
             output_digest = e.output_digest, output_is_artifact = e.output_is_artifact,
             error_code = e.error_code, error_message = e.error_message, fuel_used = e.fuel_used,
             memory_peak_bytes = e.memory_peak_bytes, duration_ms = e.duration_ms, cost_micros = e.cost_micros,
             final_sequence = e.final_sequence, held_micros = 0, lease_until = NULL,
             cancel_requested_at = CASE e.from_status WHEN 'QUEUED' THEN e.finished_at ELSE c.cancel_requested_at END
        FROM unnest(endings) AS e JOIN unnest(standing) AS s ON s.place = e.place
       WHERE c.id = e.id
      RETURNING c.id, c.account_id, c.status, c.error_code, e.exit_code, c.fuel_used, c.memory_peak_bytes,
                c.duration_ms, c.attempts, s.held_micros, c.cost_micros, c.queued_at, c.started_at, c.finished_at,
                c.output_digest, c.output_bytes, e.spell_terms, e.run_terms, e.pricing_terms, octet_length(c.input) AS input_bytes,
                coalesce(e.input_digest, 'sha256:' || encode(sha256(c.input), 'hex')) AS input_digest),
    recorded AS (
      INSERT INTO ledger_outbox (account_id, kind, subject, occurred_at, content)
      SELECT t.account_id, 'cast.settled', t.id::text, t.finished_at, ${FACT}
        FROM settled AS t)
    SELECT array_agg(DISTINCT pid) INTO touched
      FROM unnest(standing) AS s CROSS JOIN unnest(s.period_ids) AS pid WHERE s.held_micros > 0;
    PERFORM set_config('spell.settling', 'off', true);

    IF touched IS NOT NULL THEN
      PERFORM FROM budget_periods p WHERE p.id = ANY (touched) ORDER BY p.id FOR NO KEY UPDATE;
      UPDATE budget_periods p
         SET held_micros = p.held_micros - given.held_micros, spent_micros = p.spent_micros + given.cost_micros
        FROM (SELECT pid, sum(s.held_micros) AS held_micros, sum(e.cost_micros) AS cost_micros
                FROM unnest(standing) AS s JOIN unnest(endings) AS e ON e.place = s.place
               CROSS JOIN unnest(s.period_ids) AS pid GROUP BY pid) AS given
       WHERE p.id = given.pid;
      RETURN QUERY SELECT NULL::int, f.outbox_id, f.payload
        FROM fire_budget_alerts(touched, (SELECT max(e.finished_at) FROM unnest(endings) AS e)) AS f;
    END IF;
    RETURN QUERY SELECT s.place, NULL::bigint, NULL::jsonb FROM unnest(standing) AS s;
  END $$`;

// One statement is one snapshot, so what moves while it runs cannot make a difference that is none.
const HOLD_DIFFERENCES = `
  CREATE FUNCTION hold_differences() RETURNS TABLE (period_id uuid, difference_micros bigint) LANGUAGE sql AS $$
    SELECT p.id, (p.held_micros - coalesce(open.micros, 0))::bigint
      FROM budget_periods p
      LEFT JOIN (SELECT pid, sum(c.held_micros) AS micros
                   FROM casts c CROSS JOIN unnest(c.budget_period_ids) AS pid
                  WHERE c.finished_at IS NULL GROUP BY pid) AS open ON open.pid = p.id
     WHERE p.held_micros <> coalesce(open.micros, 0) $$`;

// Whoever holds the lock of a period sees no hold of it come or go, so what differs then is really wrong.
const REPAIR_HOLDS = `
  CREATE FUNCTION repair_holds() RETURNS TABLE (period_id uuid, difference_micros bigint) LANGUAGE plpgsql AS $$
  #variable_conflict use_column
  DECLARE
    suspects uuid[];
  BEGIN
    SELECT array_agg(d.period_id) INTO suspects FROM hold_differences() AS d;
    IF suspects IS NULL THEN
      RETURN;
    END IF;
    PERFORM FROM budget_periods p WHERE p.id = ANY (suspects) ORDER BY p.id FOR NO KEY UPDATE;
    RETURN QUERY
      WITH wrong AS (SELECT d.period_id, d.difference_micros FROM hold_differences() AS d
                      WHERE d.period_id = ANY (suspects)),
      repaired AS (UPDATE budget_periods p SET held_micros = p.held_micros - w.difference_micros
                     FROM wrong AS w WHERE p.id = w.period_id)
      SELECT w.period_id, w.difference_micros FROM wrong AS w;
  END $$`;

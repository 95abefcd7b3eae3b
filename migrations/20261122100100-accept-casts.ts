import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `accept_casts`: the only way in which a cast begins. It takes a batch and answers cast by cast: ACCEPTED, REFUSED by
 * the budget with the least room, EARLIER for an idempotency key that has a cast, or AGAIN. docs/decisions/0014 has
 * the reasons.
 */
export class AcceptCasts20261122100100 implements MigrationInterface {
  name = 'AcceptCasts20261122100100';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      ...OPEN_CASTS,
      CAST_REQUEST,
      CAST_BUDGET,
      CAST_HOLD,
      APPLYING_BUDGETS,
      ACCEPT_CASTS,
    ])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION accept_casts`);
    await runner.query(`DROP FUNCTION applying_budgets`);
    for (const type of ['cast_hold', 'cast_budget', 'cast_request']) await runner.query(`DROP TYPE ${type}`);
    await runner.query(`DROP INDEX casts_open`);
    await runner.query(`CREATE INDEX casts_open ON casts (id) WHERE status IN ('QUEUED', 'RUNNING')`);
    await runner.query(`ALTER TABLE casts RESET (fillfactor)`);
  }
}

// A claim and a renewed lease change no column that any index looks at, and find room in the row's own page: so they
// write one row and no index (a heap-only tuple).
const OPEN_CASTS = [
  `DROP INDEX casts_open`,
  `CREATE INDEX casts_open ON casts (id) WHERE finished_at IS NULL`,
  `ALTER TABLE casts SET (fillfactor = 60)`,
];

const CAST_REQUEST = `
  CREATE TYPE cast_request AS (
    place int, id uuid, account_id uuid, api_key_id uuid, spell_version_id uuid, spell_key text,
    end_user text, idempotency_key text, request_digest text, input_at int, input_bytes int, timeout_ms int,
    max_memory_bytes bigint, max_output_bytes bigint, max_fuel bigint, extra_limits jsonb, held_micros bigint,
    queued_at timestamptz)`;

// A budget that applies to the cast at this place of the batch, and its period.
const CAST_BUDGET = `
  CREATE TYPE cast_budget AS (
    place int, budget_id uuid, period_start timestamptz, period_end timestamptz)`;

const CAST_HOLD = `CREATE TYPE cast_hold AS (place int, period_ids uuid[])`;

// A cast that cannot cost anything asks no budget. A budget of a key is also one of the keys that it was rotated to: else
// rotating would be a way around it. Periods begin and end in UTC, whatever the session's time zone.
const APPLYING_BUDGETS = `
  CREATE FUNCTION applying_budgets(requests cast_request[]) RETURNS SETOF cast_budget LANGUAGE sql STABLE AS $$
    WITH RECURSIVE lineage (api_key_id, id) AS (
      SELECT DISTINCT r.api_key_id, r.api_key_id FROM unnest(requests) AS r
       WHERE EXISTS (SELECT FROM budgets b WHERE b.account_id = r.account_id AND b.scope = 'API_KEY')
      UNION
      SELECT l.api_key_id, k.id FROM lineage AS l JOIN api_keys k ON k.rotated_to = l.id),
    applying (place, queued_at, budget_id, period) AS (
      SELECT r.place, r.queued_at, b.id, b.period
        FROM unnest(requests) AS r
        JOIN budgets b ON b.account_id = r.account_id
         AND (b.scope, b.subject) IN (('ACCOUNT', ''), ('SPELL', r.spell_key), ('END_USER', r.end_user))
       WHERE r.held_micros > 0
      UNION ALL
      SELECT r.place, r.queued_at, b.id, b.period
        FROM unnest(requests) AS r
        JOIN lineage AS l ON l.api_key_id = r.api_key_id
        JOIN api_keys k ON k.id = l.id
        JOIN budgets b ON b.account_id = r.account_id AND b.scope = 'API_KEY' AND b.subject = k.prefix
       WHERE r.held_micros > 0)
    SELECT a.place, a.budget_id, span.first_at AT TIME ZONE 'UTC',
           (span.first_at + CASE a.period WHEN 'DAILY' THEN interval '1 day' ELSE interval '1 month' END)
             AT TIME ZONE 'UTC'
      FROM applying AS a
     CROSS JOIN LATERAL (SELECT date_trunc(CASE a.period WHEN 'DAILY' THEN 'day' ELSE 'month' END,
                                           a.queued_at AT TIME ZONE 'UTC') AS first_at) AS span $$`;

// No plan of it may read a table from end to end: plans are kept, also those made when the tables were small.
const ACCEPT_CASTS = `
  CREATE FUNCTION accept_casts(batch jsonb, inputs bytea)
  RETURNS TABLE (place int, outcome text, outbox_id bigint, earlier_id uuid, refusal jsonb)
  LANGUAGE plpgsql SET enable_seqscan = off AS $$
  #variable_conflict use_column
  DECLARE
    requests cast_request[];
    applying cast_budget[];
    request record;
    known int[];
    period_ids uuid[];
    rooms bigint[];
    labels jsonb[];
    strictest int;
    at_index int;
    holds cast_hold[] := '{}';
    kept_keys text[] := '{}';
    refused int[] := '{}';
    refusals jsonb[] := '{}';
    inserted int[];
    outbox_ids bigint[];
    is_outrun boolean;
  BEGIN
    SELECT array_agg(r ORDER BY r.place) INTO requests FROM jsonb_populate_recordset(NULL::cast_request, batch) AS r;
    SELECT array_agg(b) INTO applying FROM applying_budgets(requests) AS b;

    IF applying IS NULL THEN
      SELECT array_agg(ROW(r.place, '{}'::uuid[])::cast_hold) INTO holds FROM unnest(requests) AS r;
    ELSE
      -- Missing periods first, then all locks, each in one order for everybody: nobody waits in a circle.
      INSERT INTO budget_periods (budget_id, period_start, period_end)
      SELECT DISTINCT a.budget_id, a.period_start, a.period_end
        FROM unnest(applying) AS a JOIN budgets b ON b.id = a.budget_id
       WHERE NOT EXISTS (SELECT FROM budget_periods p
                          WHERE p.budget_id = a.budget_id AND p.period_start = a.period_start)
       ORDER BY a.budget_id, a.period_start
      ON CONFLICT (budget_id, period_start) DO NOTHING;
      PERFORM FROM budget_periods p
        WHERE (p.budget_id, p.period_start) IN (SELECT a.budget_id, a.period_start FROM unnest(applying) AS a)
        ORDER BY p.id FOR NO KEY UPDATE;

      -- Read in a statement of its own: only a new snapshot shows what others committed while this one waited.
      SELECT array_agg(p.id ORDER BY p.id),
             array_agg(b.hard_limit_micros - p.spent_micros - p.held_micros ORDER BY p.id),
             array_agg(jsonb_build_object(
               'scope', b.scope, 'subject', b.subject, 'period', b.period, 'limitMicros', b.hard_limit_micros::text,
               'spentMicros', p.spent_micros::text, 'periodEnd', p.period_end) ORDER BY p.id)
        INTO period_ids, rooms, labels
        FROM budget_periods p JOIN budgets b ON b.id = p.budget_id
       WHERE (p.budget_id, p.period_start) IN (SELECT a.budget_id, a.period_start FROM unnest(applying) AS a);
      -- A request that was made before is answered with its cast, however little room there is now.
      SELECT coalesce(array_agg(r.place), '{}') INTO known
        FROM unnest(requests) AS r
        JOIN casts c ON c.account_id = r.account_id AND c.idempotency_key = r.idempotency_key;

      FOR request IN
        SELECT r.place, r.held_micros, r.account_id || r.idempotency_key AS own_key,
               coalesce(array_agg(i.index ORDER BY i.index) FILTER (WHERE i.index IS NOT NULL), '{}') AS wanted
          FROM unnest(requests) AS r
          LEFT JOIN unnest(applying) AS a ON a.place = r.place
          LEFT JOIN budget_periods p ON p.budget_id = a.budget_id AND p.period_start = a.period_start
          LEFT JOIN unnest(period_ids) WITH ORDINALITY AS i(id, index) ON i.id = p.id
         WHERE r.place <> ALL (known)
         GROUP BY r.place, r.held_micros, r.account_id, r.idempotency_key ORDER BY r.place
      LOOP
        CONTINUE WHEN request.own_key = ANY (kept_keys);
        strictest := NULL;
        FOREACH at_index IN ARRAY request.wanted LOOP
          IF rooms[at_index] < request.held_micros AND (strictest IS NULL OR rooms[at_index] < rooms[strictest]) THEN
            strictest := at_index;
          END IF;
        END LOOP;
        IF strictest IS NOT NULL THEN
          refused := refused || request.place;
          -- Held counts the casts of this batch that came first.
          refusals := refusals || (labels[strictest] || jsonb_build_object(
            'requiredMicros', request.held_micros::text,
            'heldMicros', ((labels[strictest] ->> 'limitMicros')::bigint
                           - (labels[strictest] ->> 'spentMicros')::bigint - rooms[strictest])::text));
          CONTINUE;
        END IF;
        FOREACH at_index IN ARRAY request.wanted LOOP
          rooms[at_index] := rooms[at_index] - request.held_micros;
        END LOOP;
        holds := holds || ROW(request.place, ARRAY(SELECT period_ids[i] FROM unnest(request.wanted) AS i))::cast_hold;
        IF request.own_key IS NOT NULL THEN
          kept_keys := kept_keys || request.own_key;
        END IF;
      END LOOP;
    END IF;

    -- Keys in sorted order: two batches that share keys wait for each other at the first of them and in no circle.
    WITH accepted AS (
      INSERT INTO casts (id, account_id, api_key_id, spell_version_id, status, end_user, idempotency_key,
                         request_digest, input, timeout_ms, max_memory_bytes, max_output_bytes, max_fuel, extra_limits,
                         held_micros, queued_at, last_sequence, budget_period_ids)
      SELECT r.id, r.account_id, r.api_key_id, r.spell_version_id, 'QUEUED', r.end_user, r.idempotency_key,
             r.request_digest, substring(inputs FROM r.input_at + 1 FOR r.input_bytes), r.timeout_ms,
             r.max_memory_bytes, r.max_output_bytes, r.max_fuel, r.extra_limits, r.held_micros, r.queued_at, 1,
             h.period_ids
        FROM unnest(requests) AS r JOIN unnest(holds) AS h ON h.place = r.place
       ORDER BY r.account_id, r.idempotency_key, r.place
      ON CONFLICT (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
      RETURNING id),
    sent AS (
      INSERT INTO outbox (topic, payload)
      SELECT 'casts.enqueue', jsonb_build_object('castId', a.id) FROM accepted AS a
      RETURNING id, (payload ->> 'castId')::uuid AS cast_id)
    SELECT coalesce(array_agg(r.place), '{}'), coalesce(array_agg(s.id), '{}') INTO inserted, outbox_ids
      FROM sent AS s JOIN unnest(requests) AS r ON r.id = s.cast_id;

    -- Only what was really inserted holds.
    IF applying IS NOT NULL THEN
      UPDATE budget_periods p SET held_micros = p.held_micros + taken.micros
        FROM (SELECT pid, sum(r.held_micros) AS micros
                FROM unnest(holds) AS h JOIN unnest(requests) AS r ON r.place = h.place
               CROSS JOIN unnest(h.period_ids) AS pid
               WHERE h.place = ANY (inserted) GROUP BY pid) AS taken
       WHERE p.id = taken.pid;
    END IF;

    RETURN QUERY SELECT t.place, 'ACCEPTED', t.outbox_id, NULL::uuid, NULL::jsonb
      FROM unnest(inserted, outbox_ids) AS t(place, outbox_id);
    -- What another process inserted first took nothing here, so what was refused beside it may fit after all.
    is_outrun := cardinality(inserted) < cardinality(holds);
    RETURN QUERY SELECT t.place, CASE WHEN is_outrun THEN 'AGAIN' ELSE 'REFUSED' END, NULL::bigint, NULL::uuid,
                        t.refusal
      FROM unnest(refused, refusals) AS t(place, refusal);
    RETURN QUERY SELECT r.place, CASE WHEN c.id IS NULL THEN 'AGAIN' ELSE 'EARLIER' END, NULL::bigint, c.id,
                        NULL::jsonb
      FROM unnest(requests) AS r
      LEFT JOIN casts c ON c.account_id = r.account_id AND c.idempotency_key = r.idempotency_key
     WHERE r.place <> ALL (inserted) AND r.place <> ALL (refused);
  END $$`;

import type { MigrationInterface, QueryRunner } from 'typeorm';
import {
  ACCEPT_CASTS as ACCEPT_CASTS_BEFORE,
  LOCK_WITHIN_MS,
  SUM_MICROS_MAX,
} from './20261128100100-accept-casts-apart.js';

/**
 * `accept_casts` gives the casts at some places of a batch into the hands of a worker, in the transaction that accepts
 * them: no outbox row, no way through the queue, no claim. And a batch whose casts all fit into their budgets is not
 * looked at one by one. Called with two arguments, as by processes of the version before, it does what it did.
 */
export class AcceptInHand20261128130000 implements MigrationInterface {
  name = 'AcceptInHand20261128130000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION accept_casts(jsonb, bytea)`);
    await runner.query(ACCEPT_CASTS);
    for (const name of PLANNED_ONCE)
      await runner.query(`ALTER FUNCTION ${name} SET plan_cache_mode = force_generic_plan`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION accept_casts(jsonb, bytea, int[], text, int)`);
    await runner.query(ACCEPT_CASTS_BEFORE);
    for (const name of PLANNED_ONCE) await runner.query(`ALTER FUNCTION ${name} RESET plan_cache_mode`);
  }
}

// Their statements are planned once for each connection. Left to itself PostgreSQL planned most of them anew in every call,
// because it knows the length of an array only then: that took longer than doing what they say.
const PLANNED_ONCE = ['settle_casts', 'fire_budget_alerts'];

// No plan of it may read a table from end to end: plans are kept, also those made when the tables were small.
const ACCEPT_CASTS = `
  CREATE FUNCTION accept_casts(batch jsonb, inputs bytea, in_hand int[] DEFAULT '{}', worker text DEFAULT NULL,
                               lease_ms int DEFAULT NULL)
  RETURNS TABLE (place int, outcome text, outbox_id bigint, earlier_id uuid, refusal jsonb)
  LANGUAGE plpgsql
  SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET lock_timeout = '${LOCK_WITHIN_MS}ms' AS $$
  #variable_conflict use_column
  DECLARE
    requests cast_request[];
    applying cast_budget[];
    request record;
    known int[];
    period_ids uuid[];
    rooms numeric[];
    labels jsonb[];
    strictest int;
    at_index int;
    holds cast_hold[] := '{}';
    kept_keys text[] := '{}';
    refused int[] := '{}';
    refusals jsonb[] := '{}';
    inserted int[];
    outbox_ids bigint[];
    outrun uuid[];
  BEGIN
    SELECT array_agg(r ORDER BY r.place) INTO requests FROM jsonb_populate_recordset(NULL::cast_request, batch) AS r;
    SELECT array_agg(b) INTO applying FROM applying_budgets(requests) AS b;

    IF applying IS NULL THEN
      SELECT array_agg(ROW(r.place, '{}'::uuid[])::cast_hold) INTO holds FROM unnest(requests) AS r;
    ELSE
      -- Budgets, then missing periods, then all periods, each in one order for everybody: nobody waits in a circle. A budget
      -- whose period has no row yet is locked itself: else it could be deleted, or its limit lowered, beside its first cast.
      IF EXISTS (SELECT FROM unnest(applying) AS a
                  WHERE NOT EXISTS (SELECT FROM budget_periods p
                                     WHERE p.budget_id = a.budget_id AND p.period_start = a.period_start)) THEN
        PERFORM FROM budgets b
          WHERE b.id IN (SELECT a.budget_id FROM unnest(applying) AS a
                          WHERE NOT EXISTS (SELECT FROM budget_periods p
                                             WHERE p.budget_id = a.budget_id AND p.period_start = a.period_start))
          ORDER BY b.id FOR SHARE;
        INSERT INTO budget_periods (budget_id, period_start, period_end)
        SELECT DISTINCT a.budget_id, a.period_start, a.period_end
          FROM unnest(applying) AS a JOIN budgets b ON b.id = a.budget_id
         WHERE NOT EXISTS (SELECT FROM budget_periods p
                            WHERE p.budget_id = a.budget_id AND p.period_start = a.period_start)
         ORDER BY a.budget_id, a.period_start
        ON CONFLICT (budget_id, period_start) DO NOTHING;
      END IF;
      PERFORM FROM budget_periods p
        WHERE (p.budget_id, p.period_start) IN (SELECT a.budget_id, a.period_start FROM unnest(applying) AS a)
        ORDER BY p.id FOR NO KEY UPDATE;

      -- A budget without a hard limit ends where its sums end. Rooms are computed in a type that cannot overflow, so that a
      -- cast which would be too much for it is refused alone.
      -- Read in a statement of its own: only a new snapshot shows what others committed while this one waited. What all
      -- casts of the batch together would hold mostly fits, and then none of them has to be looked at alone.
      SELECT array_agg(p.id ORDER BY p.id),
             array_agg(coalesce(b.hard_limit_micros, ${SUM_MICROS_MAX})::numeric - p.spent_micros - p.held_micros
                       ORDER BY p.id)
        INTO period_ids, rooms
        FROM budget_periods p JOIN budgets b ON b.id = p.budget_id
       WHERE (p.budget_id, p.period_start) IN (SELECT a.budget_id, a.period_start FROM unnest(applying) AS a);
      IF NOT EXISTS (
           SELECT FROM (SELECT p.id, sum(r.held_micros) AS micros
                          FROM unnest(applying) AS a JOIN unnest(requests) AS r ON r.place = a.place
                          JOIN budget_periods p ON p.budget_id = a.budget_id AND p.period_start = a.period_start
                         GROUP BY p.id) AS needed
             JOIN unnest(period_ids, rooms) AS room(id, micros) ON room.id = needed.id
            WHERE room.micros < needed.micros) THEN
        SELECT array_agg(ROW(w.place, w.wanted)::cast_hold) INTO holds
          FROM (SELECT r.place, coalesce(array_agg(p.id) FILTER (WHERE p.id IS NOT NULL), '{}') AS wanted
                  FROM unnest(requests) AS r
                  LEFT JOIN unnest(applying) AS a ON a.place = r.place
                  LEFT JOIN budget_periods p ON p.budget_id = a.budget_id AND p.period_start = a.period_start
                 GROUP BY r.place) AS w;
      ELSE
        SELECT array_agg(jsonb_build_object(
                 'scope', b.scope, 'subject', b.subject, 'period', b.period,
                 'limitMicros', coalesce(b.hard_limit_micros, ${SUM_MICROS_MAX})::text,
                 'spentMicros', p.spent_micros::text, 'periodEnd', p.period_end) ORDER BY p.id)
          INTO labels
          FROM budget_periods p JOIN budgets b ON b.id = p.budget_id WHERE p.id = ANY (period_ids);
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
              'heldMicros', ((labels[strictest] ->> 'limitMicros')::numeric
                             - (labels[strictest] ->> 'spentMicros')::numeric - rooms[strictest])::text));
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
    END IF;

    -- Keys in sorted order: two batches that share keys wait for each other at the first of them and in no circle.
    WITH accepted AS (
      INSERT INTO casts (id, account_id, api_key_id, spell_version_id, status, end_user, idempotency_key,
                         request_digest, input, timeout_ms, max_memory_bytes, max_output_bytes, max_fuel, extra_limits,
                         held_micros, queued_at, last_sequence, budget_period_ids,
                         attempts, worker_id, lease_until, started_at)
      SELECT r.id, r.account_id, r.api_key_id, r.spell_version_id, CASE WHEN taken THEN 'RUNNING' ELSE 'QUEUED' END,
             r.end_user, r.idempotency_key, r.request_digest, substring(inputs FROM r.input_at + 1 FOR r.input_bytes),
             r.timeout_ms, r.max_memory_bytes, r.max_output_bytes, r.max_fuel, r.extra_limits, r.held_micros,
             r.queued_at, 1, h.period_ids,
             CASE WHEN taken THEN 1 ELSE 0 END, CASE WHEN taken THEN worker END,
             -- Not from the start of the transaction, which may have waited for a lock.
             CASE WHEN taken THEN clock_timestamp() + lease_ms * interval '1 millisecond' END,
             CASE WHEN taken THEN r.queued_at END
        FROM unnest(requests) AS r JOIN unnest(holds) AS h ON h.place = r.place
       CROSS JOIN LATERAL (SELECT r.place = ANY (in_hand) AS taken) AS hands
       ORDER BY r.account_id, r.idempotency_key, r.place
      ON CONFLICT (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
      RETURNING id, status),
    sent AS (
      INSERT INTO outbox (topic, payload)
      SELECT 'casts.enqueue', jsonb_build_object('castId', a.id) FROM accepted AS a WHERE a.status = 'QUEUED'
      RETURNING id, (payload ->> 'castId')::uuid AS cast_id)
    SELECT coalesce(array_agg(r.place), '{}'), coalesce(array_agg(s.id), '{}') INTO inserted, outbox_ids
      FROM accepted AS a JOIN unnest(requests) AS r ON r.id = a.id LEFT JOIN sent AS s ON s.cast_id = a.id;

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
    IF cardinality(inserted) = cardinality(requests) THEN
      RETURN;
    END IF;
    -- What another process inserted first took nothing here, so what was refused beside it, of the same account, may fit
    -- after all.
    SELECT coalesce(array_agg(DISTINCT r.account_id), '{}') INTO outrun
      FROM unnest(holds) AS h JOIN unnest(requests) AS r ON r.place = h.place WHERE h.place <> ALL (inserted);
    RETURN QUERY SELECT t.place, CASE WHEN r.account_id = ANY (outrun) THEN 'AGAIN' ELSE 'REFUSED' END, NULL::bigint,
                        NULL::uuid, t.refusal
      FROM unnest(refused, refusals) AS t(place, refusal) JOIN unnest(requests) AS r ON r.place = t.place;
    RETURN QUERY SELECT r.place, CASE WHEN c.id IS NULL THEN 'AGAIN' ELSE 'EARLIER' END, NULL::bigint, c.id,
                        NULL::jsonb
      FROM unnest(requests) AS r
      LEFT JOIN casts c ON c.account_id = r.account_id AND c.idempotency_key = r.idempotency_key
     WHERE r.place <> ALL (inserted) AND r.place <> ALL (refused);
  END $$`;

-- Made from the migrations by `make generate`; do not edit.

CREATE TABLE account_webhooks (
  account_id uuid NOT NULL,
  url text NOT NULL,
  secret_salt bytea NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT account_webhooks_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  CONSTRAINT account_webhooks_pkey PRIMARY KEY (account_id)
);

CREATE TABLE accounts (
  id uuid NOT NULL,
  login text NOT NULL,
  email text,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT accounts_pkey PRIMARY KEY (id),
  CONSTRAINT accounts_login_key UNIQUE (login)
);

CREATE TABLE api_keys (
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  name text NOT NULL,
  prefix text NOT NULL,
  secret_hash text NOT NULL,
  scopes text[] NOT NULL,
  created_at timestamp with time zone NOT NULL,
  expires_at timestamp with time zone,
  last_used_at timestamp with time zone,
  revoked_at timestamp with time zone,
  rotated_to uuid,
  secret_digest bytea,
  CONSTRAINT api_keys_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['cast'::text, 'publish'::text, 'read'::text, 'admin'::text]))),
  CONSTRAINT api_keys_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  CONSTRAINT api_keys_rotated_to_fkey FOREIGN KEY (rotated_to) REFERENCES api_keys(id),
  CONSTRAINT api_keys_pkey PRIMARY KEY (id),
  CONSTRAINT api_keys_prefix_key UNIQUE (prefix)
);
CREATE INDEX api_keys_by_account ON public.api_keys USING btree (account_id, id);
CREATE INDEX api_keys_rotated_to ON public.api_keys USING btree (rotated_to) WHERE (rotated_to IS NOT NULL);

CREATE TABLE budget_alerts (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  account_id uuid NOT NULL,
  scope text NOT NULL,
  subject text NOT NULL,
  period text NOT NULL,
  kind text NOT NULL,
  threshold_percent integer,
  limit_micros bigint NOT NULL,
  spent_micros bigint NOT NULL,
  period_start timestamp with time zone NOT NULL,
  period_end timestamp with time zone NOT NULL,
  at timestamp with time zone NOT NULL,
  inserted_at timestamp with time zone NOT NULL DEFAULT now(),
  webhook_state text NOT NULL DEFAULT 'DUE'::text,
  webhook_attempts integer NOT NULL DEFAULT 0,
  webhook_next_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT budget_alerts_kind_check CHECK ((kind = ANY (ARRAY['SOFT_LIMIT'::text, 'THRESHOLD'::text]))),
  CONSTRAINT budget_alerts_threshold_has_percent CHECK (((kind = 'THRESHOLD'::text) = (threshold_percent IS NOT NULL))),
  CONSTRAINT budget_alerts_webhook_state_check CHECK ((webhook_state = ANY (ARRAY['DUE'::text, 'DELIVERED'::text, 'FAILED'::text, 'NONE'::text]))),
  CONSTRAINT budget_alerts_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  CONSTRAINT budget_alerts_pkey PRIMARY KEY (id)
);
CREATE INDEX budget_alerts_by_account ON public.budget_alerts USING btree (account_id, inserted_at);
CREATE INDEX budget_alerts_by_age ON public.budget_alerts USING btree (inserted_at) WHERE (webhook_state <> 'DUE'::text);
CREATE INDEX budget_alerts_due ON public.budget_alerts USING btree (webhook_next_at) WHERE (webhook_state = 'DUE'::text);

CREATE TABLE budget_periods (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  budget_id uuid NOT NULL,
  period_start timestamp with time zone NOT NULL,
  period_end timestamp with time zone NOT NULL,
  spent_micros bigint NOT NULL DEFAULT 0,
  held_micros bigint NOT NULL DEFAULT 0,
  fired integer[] NOT NULL DEFAULT '{}'::integer[],
  CONSTRAINT budget_periods_check CHECK ((period_end > period_start)),
  CONSTRAINT budget_periods_held_micros_check CHECK ((held_micros >= 0)),
  CONSTRAINT budget_periods_spent_micros_check CHECK ((spent_micros >= 0)),
  CONSTRAINT budget_periods_budget_id_fkey FOREIGN KEY (budget_id) REFERENCES budgets(id) ON DELETE CASCADE,
  CONSTRAINT budget_periods_pkey PRIMARY KEY (id),
  CONSTRAINT budget_periods_start_key UNIQUE (budget_id, period_start)
);
CREATE INDEX budget_periods_by_end ON public.budget_periods USING btree (period_end);
CREATE TRIGGER budget_periods_stay_below_limit BEFORE UPDATE ON public.budget_periods FOR EACH ROW WHEN (((new.spent_micros + new.held_micros) > (old.spent_micros + old.held_micros))) EXECUTE FUNCTION budget_periods_stay_below_limit();

CREATE TABLE budgets (
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  scope text NOT NULL,
  subject text NOT NULL,
  period text NOT NULL,
  soft_limit_micros bigint,
  hard_limit_micros bigint,
  notify_thresholds integer[] NOT NULL,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  CONSTRAINT budgets_hard_limit_micros_check CHECK ((hard_limit_micros >= 0)),
  CONSTRAINT budgets_have_a_limit CHECK (((soft_limit_micros IS NOT NULL) OR (hard_limit_micros IS NOT NULL))),
  CONSTRAINT budgets_period_check CHECK ((period = ANY (ARRAY['DAILY'::text, 'MONTHLY'::text]))),
  CONSTRAINT budgets_scope_check CHECK ((scope = ANY (ARRAY['ACCOUNT'::text, 'API_KEY'::text, 'SPELL'::text, 'END_USER'::text]))),
  CONSTRAINT budgets_soft_is_not_above_hard CHECK ((soft_limit_micros <= hard_limit_micros)),
  CONSTRAINT budgets_soft_limit_micros_check CHECK ((soft_limit_micros >= 0)),
  CONSTRAINT budgets_subject_fits_scope CHECK (((scope = 'ACCOUNT'::text) = (subject = ''::text))),
  CONSTRAINT budgets_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  CONSTRAINT budgets_pkey PRIMARY KEY (id),
  CONSTRAINT budgets_subject_key UNIQUE (account_id, scope, subject, period)
);

CREATE TABLE casts (
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  api_key_id uuid NOT NULL,
  spell_version_id uuid NOT NULL,
  status text NOT NULL,
  end_user text,
  idempotency_key text,
  request_digest text NOT NULL,
  input bytea NOT NULL,
  timeout_ms integer NOT NULL,
  max_memory_bytes bigint NOT NULL,
  max_output_bytes bigint NOT NULL,
  max_fuel bigint NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  worker_id text,
  lease_until timestamp with time zone,
  cancel_requested_at timestamp with time zone,
  queued_at timestamp with time zone NOT NULL,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  output bytea,
  output_bytes bigint,
  output_digest text,
  output_is_artifact boolean NOT NULL DEFAULT false,
  error_code text,
  error_message text,
  fuel_used bigint,
  memory_peak_bytes bigint,
  duration_ms integer,
  held_micros bigint NOT NULL,
  cost_micros bigint,
  last_sequence integer NOT NULL DEFAULT 0,
  final_sequence integer,
  extra_limits jsonb NOT NULL DEFAULT '{}'::jsonb,
  budget_period_ids uuid[] NOT NULL DEFAULT '{}'::uuid[],
  CONSTRAINT casts_attempts_check CHECK ((attempts >= 0)),
  CONSTRAINT casts_cost_micros_check CHECK ((cost_micros >= 0)),
  CONSTRAINT casts_extra_limits_are_an_object CHECK ((jsonb_typeof(extra_limits) = 'object'::text)),
  CONSTRAINT casts_failed_has_code CHECK (((status = 'FAILED'::text) = (error_code IS NOT NULL))),
  CONSTRAINT casts_final_is_complete CHECK (((status = ANY (ARRAY['SUCCEEDED'::text, 'FAILED'::text, 'CANCELED'::text])) = ((finished_at IS NOT NULL) AND (final_sequence IS NOT NULL) AND (cost_micros IS NOT NULL)))),
  CONSTRAINT casts_fuel_used_check CHECK ((fuel_used >= 0)),
  CONSTRAINT casts_held_micros_check CHECK ((held_micros >= 0)),
  CONSTRAINT casts_hold_ends CHECK (((finished_at IS NULL) OR (held_micros = 0))),
  CONSTRAINT casts_max_fuel_check CHECK ((max_fuel > 0)),
  CONSTRAINT casts_max_memory_bytes_check CHECK ((max_memory_bytes > 0)),
  CONSTRAINT casts_max_output_bytes_check CHECK ((max_output_bytes > 0)),
  CONSTRAINT casts_running_has_lease CHECK (((status = 'RUNNING'::text) = (lease_until IS NOT NULL))),
  CONSTRAINT casts_status_check CHECK ((status = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text, 'SUCCEEDED'::text, 'FAILED'::text, 'CANCELED'::text]))),
  CONSTRAINT casts_timeout_ms_check CHECK ((timeout_ms > 0)),
  CONSTRAINT casts_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  CONSTRAINT casts_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id),
  CONSTRAINT casts_spell_version_id_fkey FOREIGN KEY (spell_version_id) REFERENCES spell_versions(id),
  CONSTRAINT casts_pkey PRIMARY KEY (id)
);
CREATE INDEX casts_by_account ON public.casts USING btree (account_id, id DESC);
CREATE INDEX casts_idempotency_age ON public.casts USING btree (queued_at) WHERE (idempotency_key IS NOT NULL);
CREATE UNIQUE INDEX casts_idempotency_key ON public.casts USING btree (account_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX casts_open ON public.casts USING btree (id) WHERE (finished_at IS NULL);
CREATE INDEX casts_succeeded ON public.casts USING btree (account_id, spell_version_id, id DESC) WHERE (output_digest IS NOT NULL);
CREATE INDEX casts_usage ON public.casts USING btree (account_id, queued_at);
CREATE TRIGGER casts_end_by_settling BEFORE UPDATE ON public.casts FOR EACH ROW WHEN (((old.finished_at IS NULL) AND (new.finished_at IS NOT NULL))) EXECUTE FUNCTION casts_end_by_settling();
CREATE TRIGGER casts_final_stays_final BEFORE UPDATE ON public.casts FOR EACH ROW WHEN ((old.finished_at IS NOT NULL)) EXECUTE FUNCTION casts_final_stays_final();
CREATE TRIGGER casts_open_are_not_deleted BEFORE DELETE ON public.casts FOR EACH ROW WHEN ((old.finished_at IS NULL)) EXECUTE FUNCTION casts_open_keep_their_hold();
CREATE TRIGGER casts_open_keep_their_hold BEFORE UPDATE ON public.casts FOR EACH ROW WHEN (((old.budget_period_ids IS DISTINCT FROM new.budget_period_ids) OR ((new.finished_at IS NULL) AND (old.held_micros <> new.held_micros)))) EXECUTE FUNCTION casts_open_keep_their_hold();

CREATE TABLE ledger_checkpoints (
  size bigint NOT NULL,
  previous_size bigint,
  note text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT ledger_checkpoints_grow CHECK ((((size = 0) = (previous_size IS NULL)) AND ((previous_size IS NULL) OR (size > previous_size)))),
  CONSTRAINT ledger_checkpoints_size_check CHECK ((size >= 0)),
  CONSTRAINT ledger_checkpoints_previous_size_fkey FOREIGN KEY (previous_size) REFERENCES ledger_checkpoints(size),
  CONSTRAINT ledger_checkpoints_pkey PRIMARY KEY (size),
  CONSTRAINT ledger_checkpoints_extended_once UNIQUE NULLS NOT DISTINCT (previous_size)
);
CREATE TRIGGER ledger_checkpoint_has_no_gap BEFORE INSERT ON public.ledger_checkpoints FOR EACH ROW EXECUTE FUNCTION ledger_checkpoint_has_no_gap();
CREATE TRIGGER ledger_checkpoints_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_checkpoints_takes_batches BEFORE INSERT ON public.ledger_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION ledger_takes_batches();

CREATE TABLE ledger_entries (
  sequence bigint NOT NULL,
  leaf text NOT NULL,
  pseudonym text NOT NULL DEFAULT substr(leaf, 13, 22),
  subject_hash bytea,
  sealed bytea,
  CONSTRAINT ledger_entries_leaf_check CHECK (((octet_length(leaf) >= 1) AND (octet_length(leaf) <= 65535))),
  CONSTRAINT ledger_entries_leaf_has_sequence CHECK (((leaf ~~ '{"account":"%'::text) AND (leaf ~~ (('%","sequence":'::text || sequence) || ',"version":1}'::text)))),
  CONSTRAINT ledger_entries_sequence_check CHECK ((sequence >= 0)),
  CONSTRAINT ledger_entries_pkey PRIMARY KEY (sequence)
);
CREATE INDEX ledger_entries_by_person ON public.ledger_entries USING btree (pseudonym, sequence);
CREATE INDEX ledger_entries_by_subject ON public.ledger_entries USING btree (subject_hash) WHERE (subject_hash IS NOT NULL);
CREATE TRIGGER ledger_entries_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_entries_takes_batches BEFORE INSERT ON public.ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION ledger_takes_batches();

CREATE TABLE ledger_keys (
  name text NOT NULL,
  key_id bytea NOT NULL,
  public_key bytea NOT NULL,
  added_at timestamp with time zone NOT NULL,
  added_size bigint NOT NULL,
  retired_at timestamp with time zone,
  retired_size bigint,
  CONSTRAINT ledger_keys_key_id_check CHECK ((length(key_id) = 4)),
  CONSTRAINT ledger_keys_public_key_check CHECK ((length(public_key) = 32)),
  CONSTRAINT ledger_keys_retired_whole CHECK (((retired_at IS NULL) = (retired_size IS NULL))),
  CONSTRAINT ledger_keys_pkey PRIMARY KEY (name, key_id)
);
CREATE TRIGGER ledger_keys_retire_once BEFORE UPDATE ON public.ledger_keys FOR EACH ROW EXECUTE FUNCTION ledger_keys_retire_once();
CREATE TRIGGER ledger_keys_stay BEFORE DELETE OR TRUNCATE ON public.ledger_keys FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

CREATE TABLE ledger_master_key (
  is_only boolean NOT NULL DEFAULT true,
  check_value bytea NOT NULL,
  CONSTRAINT ledger_master_key_check_value_check CHECK ((length(check_value) = 32)),
  CONSTRAINT ledger_master_key_is_only_check CHECK (is_only),
  CONSTRAINT ledger_master_key_pkey PRIMARY KEY (is_only)
);
CREATE TRIGGER ledger_master_key_stays BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_master_key FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

CREATE TABLE ledger_outbox (
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  account_id uuid NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  occurred_at timestamp with time zone NOT NULL,
  content json NOT NULL,
  CONSTRAINT ledger_outbox_content_check CHECK (((json_typeof(content) = 'object'::text) AND (octet_length((content)::text) <= 16384))),
  CONSTRAINT ledger_outbox_kind CHECK ((kind = ANY (ARRAY['account.opened'::text, 'key.created'::text, 'key.rotated'::text, 'key.revoked'::text, 'spell.published'::text, 'spell.yanked'::text, 'budget.set'::text, 'budget.deleted'::text, 'cast.settled'::text, 'webhook.set'::text, 'webhook.deleted'::text]))),
  CONSTRAINT ledger_outbox_subject_check CHECK (((length(subject) >= 1) AND (length(subject) <= 500))),
  CONSTRAINT ledger_outbox_pkey PRIMARY KEY (id)
);
CREATE TRIGGER ledger_outbox_is_append_only BEFORE UPDATE OR TRUNCATE ON public.ledger_outbox FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_outbox_takes_batches BEFORE DELETE ON public.ledger_outbox FOR EACH STATEMENT EXECUTE FUNCTION ledger_takes_batches();

CREATE TABLE ledger_tiles (
  level smallint NOT NULL,
  index bigint NOT NULL,
  root bytea NOT NULL,
  hashes bytea,
  CONSTRAINT ledger_tiles_hashes_check CHECK ((length(hashes) = 8192)),
  CONSTRAINT ledger_tiles_index_check CHECK ((index >= 0)),
  CONSTRAINT ledger_tiles_leaves_have_hashes CHECK (((level = 0) = (hashes IS NOT NULL))),
  CONSTRAINT ledger_tiles_level_check CHECK (((level >= 0) AND (level <= 6))),
  CONSTRAINT ledger_tiles_root_check CHECK ((length(root) = 32)),
  CONSTRAINT ledger_tiles_pkey PRIMARY KEY (level, index)
);
CREATE TRIGGER ledger_tiles_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_tiles FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_tiles_takes_batches BEFORE INSERT ON public.ledger_tiles FOR EACH STATEMENT EXECUTE FUNCTION ledger_takes_batches();

CREATE TABLE outbox (
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  topic text NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT outbox_pkey PRIMARY KEY (id)
);

CREATE TABLE person_keys (
  account_id uuid NOT NULL,
  pseudonym text,
  wrapped_key bytea,
  created_at timestamp with time zone NOT NULL,
  destroyed_at timestamp with time zone,
  CONSTRAINT person_keys_whole_or_gone CHECK ((((destroyed_at IS NULL) AND (pseudonym IS NOT NULL) AND (wrapped_key IS NOT NULL)) OR ((destroyed_at IS NOT NULL) AND (pseudonym IS NULL) AND (wrapped_key IS NULL)))),
  CONSTRAINT person_keys_pkey PRIMARY KEY (account_id),
  CONSTRAINT person_keys_pseudonym_key UNIQUE (pseudonym)
);
CREATE TRIGGER person_keys_only_end BEFORE UPDATE ON public.person_keys FOR EACH ROW EXECUTE FUNCTION person_keys_only_end();
CREATE TRIGGER person_keys_stay BEFORE DELETE OR TRUNCATE ON public.person_keys FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

CREATE TABLE spell_versions (
  id uuid NOT NULL,
  spell_id uuid NOT NULL,
  version text NOT NULL,
  package_digest text NOT NULL,
  module_digest text NOT NULL,
  prepared_digest text NOT NULL,
  cost_table integer NOT NULL,
  sbom_digest text NOT NULL,
  sbom_media_type text NOT NULL,
  manifest jsonb NOT NULL,
  input_schema jsonb,
  readme text,
  tags text[] NOT NULL,
  bundle jsonb,
  published_by uuid NOT NULL,
  published_at timestamp with time zone NOT NULL,
  yanked_at timestamp with time zone,
  CONSTRAINT spell_versions_published_by_fkey FOREIGN KEY (published_by) REFERENCES accounts(id),
  CONSTRAINT spell_versions_spell_id_fkey FOREIGN KEY (spell_id) REFERENCES spells(id),
  CONSTRAINT spell_versions_pkey PRIMARY KEY (id),
  CONSTRAINT spell_versions_version_key UNIQUE (spell_id, version)
);
CREATE INDEX spell_versions_by_tag ON public.spell_versions USING gin (tags);
CREATE TRIGGER spell_versions_are_immutable BEFORE UPDATE ON public.spell_versions FOR EACH ROW EXECUTE FUNCTION spell_versions_are_immutable();

CREATE TABLE spells (
  id uuid NOT NULL,
  key text NOT NULL,
  account_id uuid NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT spells_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  CONSTRAINT spells_pkey PRIMARY KEY (id),
  CONSTRAINT spells_key_key UNIQUE (key)
);
CREATE INDEX spells_by_account ON public.spells USING btree (account_id, id);

CREATE TABLE uploads (
  account_id uuid NOT NULL,
  digest text NOT NULL,
  size_bytes bigint NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT uploads_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  CONSTRAINT uploads_pkey PRIMARY KEY (account_id, digest)
);

CREATE OR REPLACE FUNCTION public.accept_casts(batch jsonb, inputs bytea, in_hand integer[] DEFAULT '{}'::integer[], worker text DEFAULT NULL::text, lease_ms integer DEFAULT NULL::integer)
 RETURNS TABLE(place integer, outcome text, outbox_id bigint, earlier_id uuid, refusal jsonb)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET lock_timeout TO '250ms'
AS $function$
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
             array_agg(coalesce(b.hard_limit_micros, 9223372036854775807)::numeric - p.spent_micros - p.held_micros
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
                 'limitMicros', coalesce(b.hard_limit_micros, 9223372036854775807)::text,
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
  END $function$
;

CREATE OR REPLACE FUNCTION public.applying_budgets(requests cast_request[])
 RETURNS SETOF cast_budget
 LANGUAGE sql
 STABLE
AS $function$
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
                                           a.queued_at AT TIME ZONE 'UTC') AS first_at) AS span $function$
;

CREATE OR REPLACE FUNCTION public.budget_periods_stay_below_limit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  BEGIN
    IF coalesce(current_setting('spell.repairing', true), '') <> 'on'
       AND NEW.spent_micros + NEW.held_micros > (SELECT hard_limit_micros FROM budgets WHERE id = NEW.budget_id) THEN
      RAISE EXCEPTION 'budget period % would pass its limit', NEW.id;
    END IF;
    RETURN NEW;
  END $function$
;

CREATE OR REPLACE FUNCTION public.casts_end_by_settling()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  BEGIN
    IF coalesce(current_setting('spell.settling', true), '') <> 'on' THEN
      RAISE EXCEPTION 'cast % may end in settle_casts only', OLD.id;
    END IF;
    IF NEW.cost_micros > OLD.held_micros THEN
      RAISE EXCEPTION 'cast % would cost % but holds %', OLD.id, NEW.cost_micros, OLD.held_micros;
    END IF;
    RETURN NEW;
  END $function$
;

CREATE OR REPLACE FUNCTION public.casts_final_stays_final()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  DECLARE
    otherwise casts := NEW;
  BEGIN
    otherwise.idempotency_key := OLD.idempotency_key;
    IF NEW.idempotency_key IS NOT NULL OR otherwise IS DISTINCT FROM OLD THEN
      RAISE EXCEPTION 'cast % is final', OLD.id;
    END IF;
    RETURN NEW;
  END $function$
;

CREATE OR REPLACE FUNCTION public.casts_open_keep_their_hold()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  BEGIN
    RAISE EXCEPTION 'cast % is open: its hold stands', OLD.id;
  END $function$
;

CREATE OR REPLACE FUNCTION public.delete_budget(owner uuid, of_scope text, of_subject text, of_period text, deleted_at timestamp with time zone, starts_at timestamp with time zone, fact json)
 RETURNS TABLE(id uuid, scope text, subject text, period text, soft_limit_micros bigint, hard_limit_micros bigint, notify_thresholds integer[], spent_micros bigint, held_micros bigint)
 LANGUAGE plpgsql
 SET lock_timeout TO '250ms'
AS $function$
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
  END $function$
;

CREATE OR REPLACE FUNCTION public.fire_budget_alerts(of_periods uuid[], fired_at timestamp with time zone)
 RETURNS TABLE(outbox_id bigint, payload jsonb)
 LANGUAGE sql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
    RETURNING id, payload $function$
;

CREATE OR REPLACE FUNCTION public.hold_differences()
 RETURNS TABLE(period_id uuid, difference_micros bigint)
 LANGUAGE sql
AS $function$
    WITH open AS (
      SELECT pid, sum(c.held_micros) AS micros
        FROM casts c CROSS JOIN unnest(c.budget_period_ids) AS pid
       WHERE c.finished_at IS NULL GROUP BY pid),
    looked_at AS (
      SELECT id FROM budget_periods WHERE period_end > now() - interval '7 days'
      UNION SELECT pid FROM open)
    SELECT p.id, (p.held_micros - coalesce(open.micros, 0))::bigint
      FROM looked_at JOIN budget_periods p ON p.id = looked_at.id LEFT JOIN open ON open.pid = p.id
     WHERE p.held_micros <> coalesce(open.micros, 0) $function$
;

CREATE OR REPLACE FUNCTION public.ledger_checkpoint_has_no_gap()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
      BEGIN
        IF (SELECT count(*) FROM ledger_entries WHERE sequence >= coalesce(NEW.previous_size, 0) AND sequence < NEW.size)
           <> NEW.size - coalesce(NEW.previous_size, 0) THEN
          RAISE EXCEPTION 'a checkpoint of size % would cover a gap', NEW.size;
        END IF;
        RETURN NEW;
      END $function$
;

CREATE OR REPLACE FUNCTION public.ledger_is_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        RAISE EXCEPTION '% of % refused: the ledger is append-only', TG_OP, TG_TABLE_NAME;
      END $function$
;

CREATE OR REPLACE FUNCTION public.ledger_keys_retire_once()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        IF OLD.retired_at IS NOT NULL
           OR (NEW.name, NEW.key_id, NEW.public_key, NEW.added_at, NEW.added_size)
              IS DISTINCT FROM (OLD.name, OLD.key_id, OLD.public_key, OLD.added_at, OLD.added_size) THEN
          RAISE EXCEPTION 'a ledger key does not change, and its retirement is not taken back';
        END IF;
        RETURN NEW;
      END $function$
;

CREATE OR REPLACE FUNCTION public.ledger_takes_batches()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        IF current_setting('spell.sequencing', true) IS DISTINCT FROM 'on' THEN
          RAISE EXCEPTION '% of % refused: only the sequencer continues the ledger', TG_OP, TG_TABLE_NAME;
        END IF;
        RETURN NULL;
      END $function$
;

CREATE OR REPLACE FUNCTION public.person_keys_only_end()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        IF OLD.destroyed_at IS NOT NULL OR NEW.destroyed_at IS NULL OR NEW.account_id <> OLD.account_id THEN
          RAISE EXCEPTION 'a person''s key does not change: it is destroyed once, and for good';
        END IF;
        RETURN NEW;
      END $function$
;

CREATE OR REPLACE FUNCTION public.repair_holds()
 RETURNS TABLE(period_id uuid, difference_micros bigint)
 LANGUAGE plpgsql
 SET lock_timeout TO '250ms'
AS $function$
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
  END $function$
;

CREATE OR REPLACE FUNCTION public.set_budget(new_id uuid, owner uuid, of_scope text, of_subject text, of_period text, soft bigint, hard bigint, thresholds integer[], set_at timestamp with time zone, starts_at timestamp with time zone, others_max integer, fact json)
 RETURNS TABLE(budget_id uuid, spent_micros bigint, held_micros bigint, alerts jsonb)
 LANGUAGE plpgsql
 SET lock_timeout TO '250ms'
AS $function$
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
  END $function$
;

CREATE OR REPLACE FUNCTION public.settle_casts(batch jsonb, outputs bytea)
 RETURNS TABLE(place integer, outbox_id bigint, payload jsonb)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET lock_timeout TO '250ms'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
      SELECT t.account_id, 'cast.settled', t.id::text, t.finished_at, format(
  '{"castId":"%s","ending":{"attempts":%s,"durationMs":%s,"errorCode":%s,"exitCode":%s,"fuelUsed":%s,"memoryPeakBytes":%s,"status":"%s"},'
  '"input":{"bytes":%s,"digest":"%s"},"output":%s,"price":{"costMicros":"%s","heldMicros":"%s","pricing":%s},"run":%s,"spell":%s,'
  '"times":{"finishedAt":"%s","queuedAt":"%s","startedAt":%s},"version":1}',
  t.id, t.attempts, coalesce(t.duration_ms::text, 'null'), coalesce('"' || t.error_code || '"', 'null'), coalesce(t.exit_code::text, 'null'),
  coalesce('"' || t.fuel_used || '"', 'null'), coalesce(t.memory_peak_bytes::text, 'null'), t.status,
  t.input_bytes, t.input_digest, coalesce('{"bytes":' || t.output_bytes || ',"digest":"' || t.output_digest || '"}', 'null'),
  t.cost_micros, t.held_micros, t.pricing_terms, t.run_terms, t.spell_terms,
  to_char(t.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), to_char(t.queued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), coalesce('"' || to_char(t.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"', 'null'))::json
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
  END $function$
;

CREATE OR REPLACE FUNCTION public.spell_versions_are_immutable()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        IF (to_jsonb(NEW) - 'yanked_at') IS DISTINCT FROM (to_jsonb(OLD) - 'yanked_at')
           OR OLD.yanked_at IS NOT NULL THEN
          RAISE EXCEPTION 'a published version does not change, and a yank is not taken back';
        END IF;
        RETURN NEW;
      END $function$
;

-- Made from the migrations by `make generate`; do not edit.

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
  CONSTRAINT api_keys_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['cast'::text, 'publish'::text, 'read'::text, 'admin'::text]))),
  CONSTRAINT api_keys_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id),
  CONSTRAINT api_keys_rotated_to_fkey FOREIGN KEY (rotated_to) REFERENCES api_keys(id),
  CONSTRAINT api_keys_pkey PRIMARY KEY (id),
  CONSTRAINT api_keys_prefix_key UNIQUE (prefix)
);
CREATE INDEX api_keys_by_account ON public.api_keys USING btree (account_id, id);

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
  CONSTRAINT casts_attempts_check CHECK ((attempts >= 0)),
  CONSTRAINT casts_cost_micros_check CHECK ((cost_micros >= 0)),
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
CREATE UNIQUE INDEX casts_idempotency_key ON public.casts USING btree (account_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX casts_open ON public.casts USING btree (id) WHERE (status = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text]));
CREATE TRIGGER casts_final_stays_final BEFORE UPDATE ON public.casts FOR EACH ROW WHEN ((old.finished_at IS NOT NULL)) EXECUTE FUNCTION casts_final_stays_final();

CREATE TABLE outbox (
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  topic text NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT outbox_pkey PRIMARY KEY (id)
);

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

CREATE OR REPLACE FUNCTION public.casts_final_stays_final()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        RAISE EXCEPTION 'cast % is final', OLD.id;
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

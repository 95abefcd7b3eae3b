-- The rights of the application's role in production, where the owner of the tables is another role that only migrates.
-- Run as the owner after a migration: psql -v role=spell_app -f ops/ledger-grants.sql
-- In one transaction: the role never has more than it ends with.
BEGIN;
GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"role";
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO :"role";
-- The log is appended to. Facts leave the outbox when they enter it; keys are retired or destroyed, never deleted.
REVOKE UPDATE, DELETE, TRUNCATE ON ledger_entries, ledger_tiles, ledger_checkpoints FROM :"role";
REVOKE UPDATE, TRUNCATE ON ledger_outbox FROM :"role";
REVOKE DELETE, TRUNCATE ON ledger_keys, person_keys FROM :"role";
REVOKE UPDATE, DELETE, TRUNCATE ON ledger_master_key FROM :"role";
-- Migrations are recorded by the owner.
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON migrations FROM :"role";
COMMIT;

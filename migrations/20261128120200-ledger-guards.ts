import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Triggers of the ledger, by table. Only rights over the whole server can switch one off that is enabled always. */
const GUARDS: readonly [table: string, trigger: string][] = [
  ['ledger_entries', 'ledger_entries_is_append_only'],
  ['ledger_tiles', 'ledger_tiles_is_append_only'],
  ['ledger_checkpoints', 'ledger_checkpoints_is_append_only'],
  ['ledger_checkpoints', 'ledger_checkpoint_has_no_gap'],
  ['ledger_outbox', 'ledger_outbox_is_append_only'],
  ['ledger_keys', 'ledger_keys_stay'],
  ['ledger_keys', 'ledger_keys_retire_once'],
  ['person_keys', 'person_keys_stay'],
  ['person_keys', 'person_keys_only_end'],
  ['ledger_master_key', 'ledger_master_key_stays'],
];

/** What only a batch of the sequencer does, which says so with a setting of its transaction. */
const OF_BATCHES: readonly [table: string, act: string][] = [
  ['ledger_entries', 'INSERT'],
  ['ledger_tiles', 'INSERT'],
  ['ledger_checkpoints', 'INSERT'],
  ['ledger_outbox', 'DELETE'],
];

/**
 * An entry that was inserted by hand beyond the newest checkpoint stops the log, and a fact that was deleted before it had a
 * place is missed by nobody: neither happens by accident any more. And no trigger of the ledger is passed over by
 * session_replication_role.
 */
export class LedgerGuards20261128120200 implements MigrationInterface {
  name = 'LedgerGuards20261128120200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION ledger_takes_batches() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF current_setting('spell.sequencing', true) IS DISTINCT FROM 'on' THEN
          RAISE EXCEPTION '% of % refused: only the sequencer continues the ledger', TG_OP, TG_TABLE_NAME;
        END IF;
        RETURN NULL;
      END $$`);
    for (const [table, act] of OF_BATCHES) {
      await runner.query(`
        CREATE TRIGGER ${table}_takes_batches BEFORE ${act} ON ${table}
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_takes_batches()`);
      await runner.query(`ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${table}_takes_batches`);
    }
    for (const [table, trigger] of GUARDS)
      await runner.query(`ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${trigger}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const [table, trigger] of GUARDS)
      await runner.query(`ALTER TABLE ${table} ENABLE TRIGGER ${trigger}`);
    for (const [table] of OF_BATCHES) await runner.query(`DROP TRIGGER ${table}_takes_batches ON ${table}`);
    await runner.query(`DROP FUNCTION ledger_takes_batches`);
  }
}

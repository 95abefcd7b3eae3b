import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { auditLog, destroyPersonKey } from '../../src/ledger/index.js';
import { migrate, systemClock } from '../../src/platform/index.js';
import { appendFacts, databaseSource, drain, openLog } from './support.js';

describe('the role of the application in production', async () => {
  const log = await openLog();
  const role = `app_${randomBytes(6).toString('hex')}`;
  await log.database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'word'`);
  const sql = await readFile('ops/ledger-grants.sql', 'utf8');
  await log.database.query(sql.replaceAll(':"role"', role));
  const url = new URL(log.url);
  [url.username, url.password] = [role, 'word'];
  const database = await log.connect(url.href, 4);

  it('can do all that the ledger needs, and starts when there is nothing to migrate', async () => {
    await migrate(database);
    await appendFacts(database, 300);
    await drain(log.newSequencer({ database }));
    await destroyPersonKey({ database, clock: systemClock }, '00000000-0000-7000-8000-000000000001');
    const report = await auditLog(databaseSource(database));
    assert.equal(report.ok && report.size, 300);
  });

  it('may not change or delete anything of the log, even before a trigger looks', async () => {
    const statements = ['ledger_entries', 'ledger_tiles', 'ledger_checkpoints'].flatMap((table) => [
      `UPDATE ${table} SET ${table === 'ledger_tiles' ? 'level = 0' : table === 'ledger_entries' ? "leaf = ''" : "note = ''"}`,
      `DELETE FROM ${table}`,
      `TRUNCATE ${table}`,
    ]);
    statements.push(
      'DELETE FROM person_keys',
      'DELETE FROM ledger_keys',
      `UPDATE ledger_outbox SET subject = 'x'`,
    );
    statements.push(
      'SET session_replication_role = replica',
      'ALTER TABLE ledger_entries DISABLE TRIGGER ALL',
    );
    for (const statement of statements)
      await assert.rejects(database.query(statement), /permission denied|must be owner/, statement);
  });
});

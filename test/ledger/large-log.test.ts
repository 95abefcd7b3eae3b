import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LedgerMetrics, LogChecker, auditLog } from '../../src/ledger/index.js';
import { createLogger, createRegistry } from '../../src/platform/index.js';
import { ORIGIN, appendFacts, databaseSource, drain, liftGuards, openLog } from './support.js';

// One more than a tile of level 1 covers, so that there is a row of level 1.
const ENTRIES = 256 * 256 + 1;

describe('a log with more than two levels of tiles', async () => {
  const log = await openLog();
  await appendFacts(log.database, ENTRIES);
  await drain(log.sequencer);
  const intruder = await log.connect(log.url, 1);

  it('an upper hash that was changed or deleted is found by the audit and by the check beside the platform', async () => {
    for (const [sql, where] of [
      [`UPDATE ledger_tiles SET root = set_bit(root, 7, 1 - get_bit(root, 7)) WHERE level = 1`, [0, 65_535]],
      [`DELETE FROM ledger_tiles WHERE level = 1`, [0, 65_535]],
      [
        `UPDATE ledger_tiles SET root = set_bit(root, 7, 1 - get_bit(root, 7)) WHERE level = 0 AND index = 200`,
        [51_200, 51_455],
      ],
    ] as const) {
      await intruder.query('BEGIN');
      await liftGuards(intruder);
      await intruder.query(sql);
      const report = await auditLog(databaseSource(intruder));
      assert.deepEqual(report.ok ? null : [report.problem.sequence, report.problem.lastSequence], where, sql);
      const registry = createRegistry('checker');
      const checker = new LogChecker({
        database: intruder,
        logger: createLogger({ level: 'silent', name: 'test' }),
        metrics: new LedgerMetrics(registry),
        people: log.people,
        origin: ORIGIN,
        keys: { signers: [log.signer], retired: [] },
      });
      for (
        let step = 0;
        step < 65 && !/^spell_ledger_problems\{.*\} 1$/m.test(await registry.metrics());
        step += 1
      )
        await checker.step();
      assert.match(await registry.metrics(), /^spell_ledger_problems\{.*\} 1$/m, sql);
      await intruder.query('ROLLBACK');
    }
    assert.equal((await auditLog(databaseSource(intruder))).ok, true);
  });
});

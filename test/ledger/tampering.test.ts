import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { httpSource } from '../../src/ledger/audit/http-source.js';
import { mirrorLog } from '../../src/ledger/audit/mirror-log.js';
import {
  LedgerMetrics,
  LogChecker,
  auditLog,
  currentCheckpoint,
  folderSource,
  noteSigner,
  registerLedgerDepth,
} from '../../src/ledger/index.js';
import { createLogger, createRegistry, type DataSource } from '../../src/platform/index.js';
import { serveDatabase } from './serve-log.js';
import { ORIGIN, appendFacts, databaseSource, drain, liftGuards, openLog } from './support.js';

const EDITS = 1_000;
// Two full tiles and a piece of a third, so that every kind of row is there.
const ENTRIES = 600;
const STRANGER = noteSigner(ORIGIN, Buffer.alloc(32, 9));

const PLACE = '(CASE ANY % 3 WHEN 0 THEN 13 + ANY % 22 WHEN 1 THEN 83 + ANY % 64 ELSE 183 + ANY % 64 END)';
/**
 * Edits of every table that the log consists of. PLACE is within the account, the commitment or the previous hash of a leaf:
 * what is not even JSON, or has another sequence, the table refuses by itself. AT and ANY become random numbers, SIZE how many entries there are.
 */
const EDIT_KINDS: readonly [name: string, sql: string, way?: 'update'][] = [
  [
    'a byte of an entry',
    `UPDATE ledger_entries SET leaf = overlay(leaf PLACING CASE substr(leaf, PLACE, 1) WHEN 'a' THEN 'b' ELSE 'a' END FROM PLACE) WHERE sequence = AT`,
  ],
  ['an entry deleted', `DELETE FROM ledger_entries WHERE sequence = AT`],
  [
    'an entry in the place of another',
    `UPDATE ledger_entries SET leaf = (SELECT regexp_replace(leaf, '"sequence":[0-9]+', '"sequence":AT') FROM ledger_entries WHERE sequence = (AT + 1 + ANY % (SIZE - 1)) % SIZE) WHERE sequence = AT`,
  ],
  [
    'the last entries and their checkpoint deleted',
    `WITH cut AS (DELETE FROM ledger_checkpoints WHERE size = SIZE RETURNING 1) DELETE FROM ledger_entries WHERE sequence >= SIZE - 1 - (AT + ANY) % 50`,
    // To a log that simply ends earlier only someone who kept a checkpoint can object.
    'update',
  ],
  [
    'a bit of a tile',
    `UPDATE ledger_tiles SET hashes = set_bit(hashes, ANY % 65536, 1 - get_bit(hashes, ANY % 65536)) WHERE level = 0 AND index = AT % 2`,
  ],
  [
    'a bit of a root',
    `UPDATE ledger_tiles SET root = set_bit(root, ANY % 256, 1 - get_bit(root, ANY % 256)) WHERE level = 0 AND index = AT % 2`,
  ],
  ['a tile deleted', `DELETE FROM ledger_tiles WHERE level = 0 AND index = AT % 2`],
  [
    'a character of the checkpoint',
    `UPDATE ledger_checkpoints SET note = overlay(note PLACING CASE substr(note, 1 + (AT + ANY) % length(note), 1) WHEN 'a' THEN 'b' ELSE 'a' END FROM 1 + (AT + ANY) % length(note)) WHERE size = SIZE`,
  ],
  [
    'entries and their tile deleted',
    `WITH gone AS (DELETE FROM ledger_tiles WHERE level = 0 AND index = AT % 2 RETURNING index) DELETE FROM ledger_entries WHERE sequence >= (SELECT index FROM gone) * 256 + ANY % 256 AND sequence < (SELECT index + 1 FROM gone) * 256`,
  ],
  [
    'a bit of a signing key',
    `UPDATE ledger_keys SET public_key = set_bit(public_key, ANY % 256, 1 - get_bit(public_key, ANY % 256))`,
    'update',
  ],
  [
    'a signing key retired for the past',
    `UPDATE ledger_keys SET retired_at = now(), retired_size = AT`,
    'update',
  ],
  [
    'a signing key added for the past',
    `INSERT INTO ledger_keys (name, key_id, public_key, added_at, added_size)
     SELECT 'ledger.test', '\\x${STRANGER.keyId.toString('hex')}', '\\x${STRANGER.publicKey.toString('hex')}', now(), AT % 250`,
    'update',
  ],
  ['a signing key deleted', `DELETE FROM ledger_keys`, 'update'],
];

/** Edits of what no public file holds: only who has the keys of the people, or looks into the database, can see them. */
const INNER_KINDS: readonly [name: string, sql: string][] = [
  [
    'a bit of what is sealed',
    `UPDATE ledger_entries SET sealed = set_bit(sealed, ANY % 256, 1 - get_bit(sealed, ANY % 256)) WHERE sequence = AT`,
  ],
  ['what is sealed, deleted', `UPDATE ledger_entries SET sealed = NULL WHERE sequence = AT`],
  [
    'what is sealed, of another',
    `UPDATE ledger_entries SET sealed = (SELECT sealed FROM ledger_entries WHERE sequence = AT + 3) WHERE sequence = AT`,
  ],
  [
    'a bit of the hash of a subject',
    `UPDATE ledger_entries SET subject_hash = set_bit(subject_hash, ANY % 256, 1 - get_bit(subject_hash, ANY % 256)) WHERE sequence = AT`,
  ],
  ['the hash of a subject, deleted', `UPDATE ledger_entries SET subject_hash = NULL WHERE sequence = AT`],
  [
    'a character of an old checkpoint',
    `UPDATE ledger_checkpoints SET note = overlay(note PLACING CASE substr(note, 1 + ANY % length(note), 1) WHEN 'a' THEN 'b' ELSE 'a' END FROM 1 + ANY % length(note)) WHERE size = 250`,
  ],
  ['an old checkpoint deleted', `DELETE FROM ledger_checkpoints WHERE size = 250`],
  ['a checkpoint that extends another', `UPDATE ledger_checkpoints SET previous_size = 7 WHERE size = SIZE`],
  ['the newest checkpoint deleted', `DELETE FROM ledger_checkpoints WHERE size = SIZE`],
  [
    'a person’s key',
    `UPDATE person_keys SET wrapped_key = set_bit(wrapped_key, ANY % 256, 1 - get_bit(wrapped_key, ANY % 256))`,
  ],
  [
    'an entry beyond the newest checkpoint',
    `INSERT INTO ledger_entries (sequence, leaf) SELECT SIZE, regexp_replace(leaf, '"sequence":[0-9]+', '"sequence":SIZE') FROM ledger_entries WHERE sequence = AT`,
  ],
];

describe('a log that someone with all rights has edited', async () => {
  const log = await openLog();
  const { database, sequencer } = log;
  await drain(sequencer);
  for (const size of [250, ENTRIES]) {
    await appendFacts(database, size - (await currentCheckpoint({ database })).size);
    await drain(sequencer);
  }
  const { size, note } = await currentCheckpoint({ database });
  // What anyone has who once copied the checkpoint.
  const kept = new Map([[`checkpoints/${size}`, Buffer.from(note)]]);
  // One connection, so that an edit can be looked at inside its transaction and taken back.
  const intruder = await log.connect(log.url, 1);

  it(`of ${EDITS} random edits and deletions, ${EDITS} are found by mirroring and auditing what is served`, async (test) => {
    const desk = await mkdtemp(join(tmpdir(), 'spell-edits-'));
    after(() => rm(desk, { recursive: true, force: true }));
    const url = await serveDatabase(intruder);
    const trust = { trusted: [{ verifier: log.signer, retiredSize: null }], origin: ORIGIN };
    const copied = join(desk, 'copied');
    assert.equal((await mirrorLog(url, copied, trust)).ok, true);
    const newFolder = async (edit: number, isCopied: boolean) => {
      const folder = join(desk, String(edit));
      if (isCopied) await cp(copied, folder, { recursive: true });
      return folder;
    };
    /** What an auditor does: a new copy, an old one brought up to date, or none at all. */
    const ways = {
      copy: async (folder: string) => {
        const report = await mirrorLog(url, folder, trust);
        return report.ok ? auditLog(folderSource(folder), trust) : report;
      },
      update: async (folder: string) => {
        const report = await mirrorLog(url, folder, { ...trust, isRefetched: true });
        return report.ok ? auditLog(folderSource(folder), trust) : report;
      },
      direct: () => auditLog(httpSource(url), trust),
    };
    const found = new Map<string, number>();
    const random = randomNumbers(20_261_122);
    for (let edit = 0; edit < EDITS; edit += 1) {
      const [name, sql, onlyWay] = EDIT_KINDS[edit % EDIT_KINDS.length] ?? ['', ''];
      const way = onlyWay ?? (['copy', 'update', 'direct'] as const)[random() % 3] ?? 'copy';
      const folder = await newFolder(edit, way === 'update');
      const report = await withEdit(intruder, sql, [random() % ENTRIES, random()], () => ways[way](folder));
      await rm(folder, { recursive: true, force: true });
      assert.ok(!report.ok, `${name} (edit ${edit}) was not found by way of ${way}`);
      assert.ok(report.problem.reason.length > 0 && report.problem.file.length > 0);
      found.set(name, (found.get(name) ?? 0) + 1);
    }
    test.diagnostic([...found].map(([name, count]) => `${name}: ${count}`).join(', '));
    for (const way of Object.values(ways))
      assert.equal((await way(copied)).ok, true, 'without an edit it verifies');
  });

  it('the first bad entry is named', async () => {
    const sql = `UPDATE ledger_entries SET leaf = replace(leaf, 'cast.settled', 'cast.setled') WHERE sequence >= AT AND sequence < AT + ANY`;
    const report = await withEdit(intruder, sql, [300, 100], () => auditLog(databaseSource(intruder, kept)));
    assert.deepEqual(report.ok ? null : report.problem.sequence, 300);
    const order = `UPDATE ledger_tiles SET hashes = overlay(hashes PLACING decode(repeat('00', 32), 'hex') FROM AT * 32 + 1) WHERE level = 0 AND index = ANY`;
    const tile = await withEdit(intruder, order, [17, 1], () => auditLog(databaseSource(intruder, kept)));
    assert.deepEqual(tile.ok ? null : tile.problem.sequence, 256 + 17);
  });

  it('the check that runs beside the platform finds it too, and says so in a metric', async () => {
    const registry = createRegistry('checker');
    const checker = new LogChecker({
      database: intruder,
      logger: createLogger({ level: 'silent', name: 'test' }),
      metrics: new LedgerMetrics(registry),
      people: log.people,
      origin: ORIGIN,
      keys: { signers: [log.signer], retired: [] },
    });
    const problems = async () => /^spell_ledger_problems\{.*\} (\d)$/m.exec(await registry.metrics())?.[1];
    await checker.step();
    assert.equal(await problems(), '0');
    for (const [name, sql] of [...EDIT_KINDS, ...INNER_KINDS]) {
      // To a log that simply ends earlier only someone who kept the checkpoint can object.
      if (name.startsWith('the last')) continue;
      await withEdit(intruder, sql, [150, 77], async () => {
        await checker.step();
        assert.equal(await problems(), '1', name);
      });
      await checker.step();
      assert.equal(await problems(), '0', `after ${name}`);
    }
    const metrics = await registry.metrics();
    assert.match(metrics, /^spell_ledger_checked_total\{.*\} [1-9]/m);
    assert.match(metrics, new RegExp(`^spell_ledger_verified_size\\{.*\\} ${ENTRIES}$`, 'm'));
    const [, at] = /^spell_ledger_verified_timestamp_seconds\{.*\} ([\d.]+)$/m.exec(metrics) ?? [];
    assert.ok(Math.abs(Number(at) - Date.now() / 1_000) < 60);
  });
});

describe('a check of the log', async () => {
  const log = await openLog();
  await appendFacts(log.database, 3);
  await drain(log.sequencer);

  it('is no finding when PostgreSQL cannot be asked, and the lag is then unknown', async () => {
    const registry = createRegistry('checker');
    const database = await log.connect(log.url, 1);
    registerLedgerDepth(registry, database);
    const checker = new LogChecker({
      database,
      logger: createLogger({ level: 'silent', name: 'test' }),
      metrics: new LedgerMetrics(registry),
      people: log.people,
      origin: ORIGIN,
      keys: { signers: [log.signer], retired: [] },
    });
    await checker.step();
    assert.match(await registry.metrics(), /^spell_ledger_lag_seconds\{.*\} 0$/m);
    const ask = database.query.bind(database);
    database.query = () => Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }));
    await checker.step();
    const metrics = await registry.metrics();
    assert.match(metrics, /^spell_ledger_problems\{.*\} 0$/m);
    assert.doesNotMatch(metrics, /^spell_ledger_lag_seconds\{/m);
    database.query = ask;
  });
});

/** Makes the edit with all triggers switched off, looks, and takes it back. */
async function withEdit<T>(
  intruder: DataSource,
  sql: string,
  [at, any]: [number, number],
  look: () => Promise<T>,
): Promise<T> {
  const edit = sql
    .replaceAll(/\bPLACE\b/g, PLACE)
    .replaceAll(/\bAT\b/g, String(at))
    .replaceAll(/\bANY\b/g, String(any))
    .replaceAll(/\bSIZE\b/g, String(ENTRIES));
  await intruder.query('BEGIN');
  try {
    await liftGuards(intruder);
    const [, count] = (await intruder.query(edit)) as [unknown, number];
    assert.ok(count === undefined || count > 0, `the edit changed nothing: ${edit}`);
    return await look();
  } finally {
    await intruder.query('ROLLBACK');
    await intruder.query('SET session_replication_role = DEFAULT');
  }
}

/** The same numbers in every run, so that a failure can be seen again (xorshift32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % 1_000_000;
  };
}

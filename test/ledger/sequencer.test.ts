import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  PersonKeys,
  appendFact,
  auditLog,
  confirmRetiredKeys,
  currentCheckpoint,
  destroyPersonKey,
  findEntry,
  noteSigner,
  openCheckpoint,
  readKeys,
  type Fact,
  type LogKeys,
} from '../../src/ledger/index.js';
import { FACT_KINDS } from '../../src/ledger/fact.js';
import { writeCheckpoint } from '../../src/ledger/note/checkpoint.js';
import { readLogState } from '../../src/ledger/log-state.js';
import { readLeaves } from '../../src/ledger/read-log.js';
import { writeBatch } from '../../src/ledger/write-batch.js';
import { systemClock } from '../../src/platform/index.js';
import {
  ORIGIN,
  appendFacts,
  asSequencer,
  databaseSource,
  drain,
  liftGuards,
  openLog,
  restoreGuards,
} from './support.js';

const ACCOUNT = '01890000-0000-7000-8000-000000000001';
const fact = (over: Partial<Fact> = {}): Fact => ({
  accountId: ACCOUNT,
  kind: 'key.created',
  subject: 'prefix',
  occurredAt: new Date(),
  content: { name: 'a key' },
  ...over,
});

describe('appending a fact', async () => {
  const { database, sequencer, people } = await openLog();
  await sequencer.sequenceBatch();

  it('outside a transaction is refused', async () => {
    await assert.rejects(appendFact(database.manager, fact()), /inside the transaction/);
  });

  it('fails the act when it fails itself', async () => {
    const bad: Partial<Fact>[] = [
      { kind: 'unknown.kind' as Fact['kind'] },
      { subject: '' },
      { subject: 'x'.repeat(501) },
      { content: { text: randomBytes(20_000).toString('hex') } },
      { content: { value: undefined, number: NaN } },
    ];
    for (const over of bad)
      await assert.rejects(
        database.transaction(async (manager) => {
          await manager.query('CREATE TABLE acts (id int)');
          await appendFact(manager, fact(over));
        }),
      );
    const [row] = await database.query(
      `SELECT to_regclass('acts') AS acts, (SELECT count(*)::int FROM ledger_outbox) AS facts`,
    );
    assert.deepEqual(row, { acts: null, facts: 0 });
  });

  it('is undone with the act, and leaves no gap', async () => {
    await assert.rejects(
      database.transaction(async (manager) => {
        await appendFact(manager, fact({ subject: 'undone' }));
        throw new Error('the act failed');
      }),
    );
    await database.transaction((manager) => appendFact(manager, fact({ subject: 'done' })));
    await drain(sequencer);
    const entry = await findEntry(
      { database, people },
      { accountId: ACCOUNT, kind: 'key.created', subject: 'done' },
    );
    assert.equal(entry?.leaf.sequence, 0);
    assert.deepEqual(entry.opened?.content, { name: 'a key' });
    const undone = { accountId: ACCOUNT, kind: 'key.created', subject: 'undone' };
    assert.equal(await findEntry({ database, people }, undone), null);
  });

  it('the kinds are those of the table', async () => {
    const [{ text }] = await database.query(
      `SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conname = 'ledger_outbox_kind'`,
    );
    const kinds = [...String(text).matchAll(/'([a-z.]+)'/g)].map(([, kind]) => String(kind));
    assert.deepEqual(kinds.toSorted(), FACT_KINDS.toSorted());
  });

  it('content is committed to as it is written, also what no JSON number can hold exactly', async () => {
    const contents = [
      '{"fuel":9007199254740993}',
      '{"x":1e400}',
      '{"y":0.1234567890123456789}',
      '{"z":"\\ud800"}',
    ];
    for (const [at, content] of contents.entries())
      await database.query(
        `INSERT INTO ledger_outbox (account_id, kind, subject, occurred_at, content) VALUES ($1, 'cast.settled', $2, now(), $3)`,
        [ACCOUNT, `number ${at}`, content],
      );
    await drain(sequencer);
    for (const [at, content] of contents.entries()) {
      const query = { accountId: ACCOUNT, kind: 'cast.settled', subject: `number ${at}` };
      const text = (await findEntry({ database, people }, query))?.opened?.text;
      assert.equal(text, `{"accountId":"${ACCOUNT}","content":${content},"subject":"number ${at}"}`);
    }
  });
});

describe('the log', async () => {
  const log = await openLog();
  const { database, sequencer } = log;

  it('begins with a signed checkpoint of nothing', async () => {
    await assert.rejects(currentCheckpoint({ database }), { code: 'UNAVAILABLE' });
    assert.equal(await sequencer.sequenceBatch(), 0);
    assert.equal((await currentCheckpoint({ database })).size, 0);
    assert.deepEqual(await auditLog(databaseSource(database)).then((report) => report.ok), true);
  });

  it('verifies at every size around full tiles, and goes on after each restart', async () => {
    for (const size of [1, 2, 255, 256, 257, 511, 512, 513]) {
      const current = (await currentCheckpoint({ database })).size;
      await appendFacts(database, size - current);
      // A new sequencer knows nothing but what the tables say.
      await drain(log.newSequencer());
      const report = await auditLog(databaseSource(database), {
        trusted: [{ verifier: log.signer, retiredSize: null }],
        origin: ORIGIN,
      });
      assert.equal(report.ok && report.size, size, JSON.stringify(report));
    }
  });

  it('two sequencers at the same time write one log', async () => {
    const others = [log.newSequencer(), log.newSequencer()];
    const before = (await currentCheckpoint({ database })).size;
    for (let round = 0; round < 10; round += 1) {
      await appendFacts(database, 50);
      const counts = await Promise.all(others.map((other) => other.sequenceBatch()));
      assert.ok(counts.includes(null) || counts.includes(0), `both took facts: ${counts.join()}`);
    }
    await drain(sequencer);
    const report = await auditLog(databaseSource(database));
    assert.equal(report.ok && report.size, before + 500);
  });

  it('a writer that was overtaken cannot write, lock or no lock', async () => {
    const { size } = await currentCheckpoint({ database });
    const stale = await readLogState(database.manager, size);
    await appendFacts(database, 1);
    await drain(sequencer);
    const facts = [
      { account_id: ACCOUNT, kind: 'cast.settled', subject: 's', occurred_at: new Date(), content: '{}' },
    ];
    const batch = {
      facts,
      takeMax: 0,
      people: log.people,
      signers: [log.signer],
      origin: ORIGIN,
      clock: systemClock,
    };
    await assert.rejects(
      database.transaction(async (manager) => {
        await manager.query(`SET LOCAL spell.sequencing = 'on'`);
        await writeBatch(manager, { ...batch, state: stale });
      }),
      /duplicate key value/,
    );
    // Not even when nothing else stands in its way: a checkpoint is extended once.
    await assert.rejects(
      asSequencer(
        database,
        `INSERT INTO ledger_checkpoints (size, previous_size, note, created_at) VALUES ($1, $2, 'fork', now())`,
        [size + 1, size],
      ),
      /duplicate key value|gap/,
    );
    assert.equal((await currentCheckpoint({ database })).size, size + 1);
  });

  it('a sequencer that finds its log changed says so and writes nothing more', async () => {
    const { size } = await currentCheckpoint({ database });
    const runner = database.createQueryRunner();
    await liftGuards(runner);
    const [leaf = ''] = await readLeaves(database, size - 1, size);
    const forged = leaf.replace(
      /"commitment":"./,
      (text) => text.slice(0, -1) + (text.endsWith('0') ? '1' : '0'),
    );
    await runner.query(`UPDATE ledger_entries SET leaf = $2 WHERE sequence = $1`, [size - 1, forged]);
    await appendFacts(database, 1);
    await assert.rejects(log.newSequencer().sequenceBatch(), /the log was changed/);
    assert.equal((await currentCheckpoint({ database })).size, size);
    await runner.query(`UPDATE ledger_entries SET leaf = $2 WHERE sequence = $1`, [size - 1, leaf]);
    await restoreGuards(runner);
    await runner.release();
    assert.equal(await log.newSequencer().sequenceBatch(), 1);
  });
});

describe('what was written', async () => {
  const { database, sequencer } = await openLog();
  await appendFacts(database, 300);
  await drain(sequencer);
  await appendFacts(database, 1);

  for (const table of ['ledger_entries', 'ledger_tiles', 'ledger_checkpoints']) {
    it(`cannot be changed, deleted or emptied: ${table}`, async () => {
      const [column] = await database.query(
        `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND attgenerated = '' LIMIT 1`,
        [table],
      );
      const name = String(column.name);
      await assert.rejects(database.query(`UPDATE ${table} SET ${name} = ${name}`), /append-only/);
      await assert.rejects(database.query(`DELETE FROM ${table}`), /append-only/);
      await assert.rejects(database.query(`TRUNCATE ${table} CASCADE`), /append-only/);
    });
  }

  it('cannot be changed while it waits, nor be thrown away together', async () => {
    await assert.rejects(database.query(`UPDATE ledger_outbox SET subject = 'another'`), /append-only/);
    await assert.rejects(database.query(`TRUNCATE ledger_outbox`), /append-only/);
  });

  it('cannot be passed over by a session that plays replica', async () => {
    const runner = database.createQueryRunner();
    await runner.query('SET session_replication_role = replica');
    for (const sql of [
      'DELETE FROM ledger_entries',
      `UPDATE ledger_checkpoints SET note = ''`,
      'DELETE FROM person_keys',
    ])
      await assert.rejects(runner.query(sql), /append-only/);
    await runner.query('SET session_replication_role = DEFAULT');
    await runner.release();
  });

  it('is continued by the sequencer alone, and no fact leaves the outbox but into the log', async () => {
    const [leaf = ''] = await readLeaves(database, 299, 300);
    const stray = leaf.replace('"sequence":299', '"sequence":300');
    for (const [sql, parameters] of [
      ['INSERT INTO ledger_entries (sequence, leaf) VALUES (300, $1)', [stray]],
      [`INSERT INTO ledger_tiles (level, index, root) VALUES (1, 9, sha256(''))`, []],
      [
        `INSERT INTO ledger_checkpoints (size, previous_size, note, created_at) VALUES (301, 300, 'n', now())`,
        [],
      ],
      ['DELETE FROM ledger_outbox', []],
    ] as const)
      await assert.rejects(database.query(sql, [...parameters]), /only the sequencer/, sql);
  });

  it('keys of the log and of people do not change', async () => {
    await assert.rejects(database.query(`DELETE FROM ledger_keys`), /append-only/);
    await assert.rejects(database.query(`UPDATE ledger_keys SET added_size = 7`), /does not change/);
    await assert.rejects(database.query(`DELETE FROM person_keys`), /append-only/);
    await assert.rejects(database.query(`UPDATE person_keys SET pseudonym = 'me'`), /destroyed once/);
  });

  it('a checkpoint cannot cover a gap, and an entry has the place it says', async () => {
    const [{ size }] = await database.query(`SELECT max(size)::int AS size FROM ledger_checkpoints`);
    await assert.rejects(
      asSequencer(
        database,
        `INSERT INTO ledger_checkpoints (size, previous_size, note, created_at) VALUES ($1, $2, 'n', now())`,
        [size + 1, size],
      ),
      /gap/,
    );
    const [leaf = ''] = await readLeaves(database, 0, 1);
    await assert.rejects(
      asSequencer(database, `INSERT INTO ledger_entries (sequence, leaf) VALUES ($1, $2)`, [size, leaf]),
      /leaf_has_sequence/,
    );
  });
});

describe('an erased person', async () => {
  const log = await openLog();
  const { database, sequencer, people } = log;
  const deps = { database, people, clock: systemClock };

  it('the chain verifies as before, and nothing of theirs can be opened or connected', async () => {
    const secret = `secret-${randomBytes(8).toString('hex')}`;
    await database.transaction((manager) =>
      appendFact(manager, fact({ subject: secret, content: { secret } })),
    );
    await database.transaction((manager) =>
      appendFact(manager, fact({ accountId: ACCOUNT.replace(/1$/, '2') })),
    );
    await drain(sequencer);
    const query = { accountId: ACCOUNT, kind: 'key.created', subject: secret };
    const before = await findEntry(deps, query);
    assert.deepEqual(before?.opened?.content, { secret });
    await destroyPersonKey(deps, ACCOUNT);
    assert.equal(await findEntry(deps, query), null);
    assert.deepEqual((await auditLog(databaseSource(database))).ok, true);
    const rows = await database.query(`SELECT * FROM ledger_entries`);
    assert.ok(!JSON.stringify(rows).includes(secret));
    const [person] = await database.query(`SELECT * FROM person_keys WHERE account_id = $1`, [ACCOUNT]);
    assert.deepEqual([person.pseudonym, person.wrapped_key], [null, null]);
    const neighbour = { ...query, accountId: ACCOUNT.replace(/1$/, '2'), subject: 'prefix' };
    assert.ok(await findEntry(deps, neighbour), 'others are as they were');
  });

  it('what happens later is in the log, under a name used once and without content', async () => {
    await database.transaction((manager) => appendFact(manager, fact({ subject: 'later' })));
    await database.transaction((manager) => appendFact(manager, fact({ subject: 'later still' })));
    await drain(sequencer);
    const rows = await database.query(
      `SELECT pseudonym, sealed, subject_hash FROM ledger_entries ORDER BY sequence`,
    );
    const last = rows.slice(-2);
    assert.deepEqual(
      last.map((row: { sealed: unknown }) => row.sealed),
      [null, null],
    );
    assert.deepEqual(
      last.map((row: { subject_hash: unknown }) => row.subject_hash),
      [null, null],
    );
    assert.equal(new Set(rows.map((row: { pseudonym: string }) => row.pseudonym)).size, rows.length);
    await destroyPersonKey(deps, ACCOUNT);
    await destroyPersonKey(deps, ACCOUNT.replace(/1$/, '3'));
    assert.deepEqual((await auditLog(databaseSource(database))).ok, true);
  });

  it('an erasure waits for the batch that seals something for them', async () => {
    const accountId = ACCOUNT.replace(/1$/, '4');
    await database.transaction(async (manager) => {
      await people.lock(manager, [accountId]);
    });
    let isErased = false;
    // Who holds the row longer than a moment stops the log, and the log says so instead of waiting for ever.
    await database.transaction(async (manager) => {
      await manager.query('SELECT FROM person_keys WHERE account_id = $1 FOR UPDATE', [accountId]);
      await database.transaction((other) => appendFact(other, fact({ accountId })));
      await assert.rejects(sequencer.sequenceBatch(), /lock timeout/);
    });
    assert.equal(await sequencer.sequenceBatch(), 1);
    const { erasing } = await database.transaction(async (manager) => {
      await people.lock(manager, [accountId]);
      const pending = destroyPersonKey(deps, accountId).then(() => (isErased = true));
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(isErased, false);
      return { erasing: pending };
    });
    await erasing;
    assert.equal(await people.find(database, accountId), null);
  });
});

describe('signing keys', async () => {
  const log = await openLog();
  const { database } = log;
  const next = noteSigner(ORIGIN, randomBytes(32));
  const grow = async (...args: Parameters<typeof log.newSequencer>) => {
    await appendFacts(database, 3);
    await drain(log.newSequencer(...args));
    return currentCheckpoint({ database });
  };

  it('a rotation: both sign, then the new one alone, and checkpoints of the old one stay valid', async () => {
    const old = await grow();
    const both = await grow({ keys: { signers: [log.signer, next], retired: [] } });
    for (const trusted of [log.signer, next]) assert.ok(openCheckpoint(both.note, ORIGIN, [trusted]).ok);
    const last = await grow({ keys: { signers: [next], retired: [log.signer] } });
    assert.equal(openCheckpoint(last.note, ORIGIN, [log.signer]).ok, false);
    assert.ok(openCheckpoint(last.note, ORIGIN, [next]).ok);
    const keys = await readKeys(database);
    assert.deepEqual(
      keys.map((key) => [key.keyId, key.addedSize, key.retiredSize]),
      [
        [log.signer.keyId.toString('hex'), 0, both.size],
        [next.keyId.toString('hex'), old.size, null],
      ],
    );
    const kept = new Map([old, both].map(({ size, note }) => [`checkpoints/${size}`, Buffer.from(note)]));
    const report = await auditLog(databaseSource(database, kept));
    assert.deepEqual([report.ok, report.ok && report.checkpoints], [true, 2]);
  });

  it('a process that still has the retired key signs without it, or not at all', async () => {
    const mixed = await grow({ keys: { signers: [log.signer, next], retired: [] } });
    assert.equal(openCheckpoint(mixed.note, ORIGIN, [log.signer]).ok, false);
    await appendFacts(database, 1);
    await assert.rejects(log.newSequencer().sequenceBatch(), /no key that is trusted has signed/);
    assert.equal((await currentCheckpoint({ database })).size, mixed.size);
  });

  it('a log of another name is not continued', async () => {
    const origin = 'another.log';
    const signers = [noteSigner(origin, randomBytes(32))];
    await assert.rejects(
      log.newSequencer({ origin, keys: { signers, retired: [] } }).sequenceBatch(),
      /is not ours/,
    );
    assert.equal((await readKeys(database)).length, 2, 'and its keys are not taken up');
  });

  it('a retirement of a key that has never signed, or that still signs, is refused', async () => {
    const confirm = (keys: LogKeys) => confirmRetiredKeys(database, { origin: ORIGIN, keys });
    await confirm({ signers: [next], retired: [log.signer] });
    const stranger = noteSigner(ORIGIN, randomBytes(32));
    await assert.rejects(confirm({ signers: [next], retired: [stranger] }), /has never signed/);
    await assert.rejects(confirm({ signers: [next], retired: [next] }), /also among those that sign/);
    const other = noteSigner('another.log', randomBytes(32));
    await assert.rejects(confirm({ signers: [next], retired: [other] }), /is of the log another\.log/);
  });

  it('a head that somebody with all rights in the database has signed is not continued', async () => {
    const own = await openLog();
    await appendFacts(own.database, 3);
    await drain(own.sequencer);
    const { size, root } = await currentCheckpoint(own);
    const thief = noteSigner(ORIGIN, randomBytes(32));
    const note = writeCheckpoint({ origin: ORIGIN, size, root }, [thief]);
    await own.database.query(
      `INSERT INTO ledger_keys (name, key_id, public_key, added_at, added_size) VALUES ($1, $2, $3, now(), 0)`,
      [ORIGIN, thief.keyId, thief.publicKey],
    );
    const runner = own.database.createQueryRunner();
    await liftGuards(runner);
    await runner.query('UPDATE ledger_checkpoints SET note = $2 WHERE size = $1', [size, note]);
    await restoreGuards(runner);
    await runner.release();
    await appendFacts(own.database, 1);
    await assert.rejects(
      own.newSequencer().sequenceBatch(),
      /is not ours: no key that is trusted has signed/,
    );
    assert.equal((await currentCheckpoint(own)).size, size);
  });
});

describe('the master key', async () => {
  const log = await openLog();
  const { database } = log;
  const other = () => new PersonKeys({ masterKey: randomBytes(32), clock: systemClock });

  it('is the one that the first process had, and with another none starts', async () => {
    await log.people.confirmMasterKey(database);
    await log.people.confirmMasterKey(database);
    await assert.rejects(other().confirmMasterKey(database), /SPELL_LEDGER_MASTER_KEY is not the key/);
    await assert.rejects(database.query('DELETE FROM ledger_master_key'), /append-only/);
  });

  it('is also known by the keys it has wrapped, before anybody has left a mark', async () => {
    const older = await openLog();
    await appendFacts(older.database, 1);
    await drain(older.sequencer);
    await assert.rejects(other().confirmMasterKey(older.database), /SPELL_LEDGER_MASTER_KEY is not the key/);
    await older.people.confirmMasterKey(older.database);
  });
});

import { randomBytes } from 'node:crypto';
import { after } from 'node:test';
import {
  LedgerMetrics,
  PersonKeys,
  Sequencer,
  noteSigner,
  readKeys,
  signedCheckpoint,
  type NoteSigner,
  type SequencerDeps,
} from '../../src/ledger/index.js';
import type { FileSource } from '../../src/ledger/audit/file-source.js';
import { parseTilePath } from '../../src/ledger/merkle/tile.js';
import { readBundle, readTile } from '../../src/ledger/read-log.js';
import {
  connectPostgres,
  createLogger,
  createRegistry,
  queryRows,
  systemClock,
  type DataSource,
} from '../../src/platform/index.js';
import { migrations } from '../../migrations/index.js';
import { cloneDatabase } from '../support/databases.js';

export const ORIGIN = 'ledger.test';

export interface Log {
  url: string;
  database: DataSource;
  people: PersonKeys;
  signer: NoteSigner;
  signingKey: Buffer;
  masterKey: Buffer;
  /** A sequencer of this process that does what it is told and nothing by itself. */
  sequencer: Sequencer;
  /** A further connection pool, closed before the database is dropped. */
  connect(url: string, poolSize: number): Promise<DataSource>;
  newSequencer(options?: Partial<Pick<SequencerDeps, 'database' | 'origin' | 'keys'>>): Sequencer;
}

/** A ledger on a database of its own, without the rest of the platform; gone when the test file ends. */
export async function openLog(): Promise<Log> {
  const cloned = await cloneDatabase();
  const { url } = cloned;
  const database = await connect(url);
  const opened = [database];
  after(async () => {
    await Promise.all(opened.map((connection) => connection.destroy()));
    await cloned.drop();
  });
  const connectFurther: Log['connect'] = async (...args) => {
    const connection = await connect(...args);
    opened.push(connection);
    return connection;
  };
  const [signingKey, masterKey] = [randomBytes(32), randomBytes(32)];
  const people = new PersonKeys({ masterKey, clock: systemClock });
  const signer = noteSigner(ORIGIN, signingKey);
  const newSequencer: Log['newSequencer'] = (options = {}) =>
    new Sequencer({
      database,
      clock: systemClock,
      people,
      logger: createLogger({ level: 'silent', name: 'test' }),
      metrics: new LedgerMetrics(createRegistry('test')),
      origin: ORIGIN,
      keys: { signers: [signer], retired: [] },
      ...options,
    });
  return {
    url,
    database,
    people,
    signer,
    signingKey,
    masterKey,
    sequencer: newSequencer(),
    newSequencer,
    connect: connectFurther,
  };
}

export function connect(url: string, poolSize = 8): Promise<DataSource> {
  return connectPostgres({ url, poolSize, entities: [], migrations, applicationName: 'ledger-test' });
}

/** Facts as a statement would raise them, of a few people. */
export async function appendFacts(database: DataSource, count: number, people = 3): Promise<void> {
  await queryRows(
    database,
    `INSERT INTO ledger_outbox (account_id, kind, subject, occurred_at, content)
     SELECT ('00000000-0000-7000-8000-' || lpad((i % $2)::text, 12, '0'))::uuid, 'cast.settled', 'cast-' || i,
            now(), jsonb_build_object('number', i, 'costMicros', (i * 1000)::text)
       FROM generate_series(1, $1::int) AS i`,
    [count, people],
  );
}

const GUARDED = [
  'ledger_entries',
  'ledger_tiles',
  'ledger_checkpoints',
  'ledger_outbox',
  'ledger_keys',
  'person_keys',
];

/** Switches off every guard, as only somebody with all rights can: until the transaction ends, or `restoreGuards`. */
export async function liftGuards(connection: { query(sql: string): Promise<unknown> }): Promise<void> {
  await connection.query('SET session_replication_role = replica');
  for (const table of GUARDED) await connection.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`);
}

export async function restoreGuards(connection: { query(sql: string): Promise<unknown> }): Promise<void> {
  await connection.query('SET session_replication_role = DEFAULT');
  const triggers = (await connection.query(
    `SELECT tgrelid::regclass::text AS name, tgname AS trigger FROM pg_trigger
      WHERE NOT tgisinternal AND tgrelid::regclass::text IN (${GUARDED.map((name) => `'${name}'`).join()})`,
  )) as { name: string; trigger: string }[];
  for (const { name, trigger } of triggers)
    await connection.query(`ALTER TABLE ${name} ENABLE ALWAYS TRIGGER ${trigger}`);
}

/** A statement in a transaction that says it is a batch of the sequencer's. */
export async function asSequencer(database: DataSource, sql: string, parameters: unknown[]): Promise<void> {
  await database.transaction(async (manager) => {
    await manager.query(`SET LOCAL spell.sequencing = 'on'`);
    await manager.query(sql, parameters);
  });
}

/** Sequences everything that waits. */
export async function drain(sequencer: Sequencer): Promise<void> {
  while ((await sequencer.sequenceBatch()) !== 0);
}

/** The files of the log as the routes would serve them, straight from the database. */
export function databaseSource(
  database: DataSource,
  kept: ReadonlyMap<string, Buffer> = new Map(),
): FileSource {
  return {
    list: () => Promise.resolve([...kept.keys()].map((path) => path.replace('checkpoints/', ''))),
    read: async (path) => {
      const known = kept.get(path);
      if (known !== undefined) return known;
      if (path === 'checkpoint') return Buffer.from((await signedCheckpoint({ database })).note);
      if (path === 'keys') return keysFile(database);
      const tile = parseTilePath(path);
      if (tile === null) return null;
      const { level, index, width } = tile;
      return level === 'entries'
        ? readBundle(database, index, width)
        : readTile(database, { level, index, width });
    },
  };
}

async function keysFile(database: DataSource): Promise<Buffer> {
  const keys = await readKeys(database);
  const listed = keys.map((key) => ({ verifier_key: key.verifierKey, retired_size: key.retiredSize }));
  return Buffer.from(JSON.stringify({ keys: listed }));
}

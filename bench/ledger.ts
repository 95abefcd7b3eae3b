import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { migrations } from '../migrations/index.js';
import {
  FACT_COLUMNS,
  LedgerMetrics,
  PersonKeys,
  Sequencer,
  TileTree,
  auditLog,
  canonicalJson,
  folderSource,
  noteSigner,
  readTile,
  tilePath,
} from '../src/ledger/index.js';
import { createLogger, createRegistry, systemClock } from '../src/platform/index.js';
import { writeMirror } from './ledger-mirror.js';
import { measureSettle } from './ledger-settle.js';
import { print, printGoal } from './print.js';

const ORIGIN = 'bench.local/v1/ledger';
const SIGNER = noteSigner(ORIGIN, randomBytes(32));
// One for all sequencers of this run: a second one could not open the keys of people that the first has made.
const MASTER_KEY = randomBytes(32);
// Sequenced for real, in rounds; the fastest counts, because the machine is not always ours alone.
const SEQUENCED_SIZES = [1_000, 20_000, 40_000, 60_000, 80_000, 100_000];
const AUDITED_SIZE = 1_000_000;
const PACED_BATCHES = 100;
const PACED_EVERY_MS = 50;

const SEQUENCED_GOAL = 10_000;
const UNDER_CHECKPOINT_GOAL_S = 5;
const AUDIT_GOAL_S = 30;

/** The ledger on a database of its own: how fast it takes facts, what it adds to a cast, what checking it costs. */
export async function benchLedger(serverUrl: string, only: readonly string[]): Promise<void> {
  if (only.length > 0 && !only.includes('ledger')) return;
  print('\nledger');
  const url = await createDatabase(serverUrl);
  const database = await new DataSource({ type: 'postgres', url, migrations, poolSize: 4 }).initialize();
  try {
    await database.runMigrations();
    await measureSequencing(database);
    await measureDelay(database);
    await measureSettle(database);
  } finally {
    await database.destroy();
  }
  await measureMirror();
}

async function measureSequencing(database: DataSource): Promise<void> {
  const sequencer = openSequencer(database);
  await sequencer.sequenceBatch();
  let size = 0;
  let perSecondMax = 0;
  let usedMs = 0;
  for (const next of SEQUENCED_SIZES) {
    const count = next - size;
    await database.query(RAISE, [count, FACT]);
    const [startedMs, startedCpu] = [performance.now(), process.cpuUsage()];
    while ((await sequencer.sequenceBatch()) !== 0);
    perSecondMax = Math.max(perSecondMax, count / ((performance.now() - startedMs) / 1_000));
    const { user, system } = process.cpuUsage(startedCpu);
    usedMs = (user + system) / 1_000 / count;
    size = next;
    if (size === SEQUENCED_SIZES[0] || size === SEQUENCED_SIZES.at(-1))
      await printProof(size, (tile) => readTile(database, tile));
  }
  print(`one entry: ${(usedMs * 1_000).toFixed(0)} µs of this process, beside what PostgreSQL needs`);
  printGoal(
    `${SEQUENCED_GOAL} entries sequenced a second`,
    perSecondMax >= SEQUENCED_GOAL,
    perSecondMax.toFixed(0),
  );
}

function openSequencer(database: DataSource): Sequencer {
  return new Sequencer({
    database,
    clock: systemClock,
    logger: createLogger({ level: 'warn', name: 'bench' }),
    people: new PersonKeys({ masterKey: MASTER_KEY, clock: systemClock }),
    metrics: new LedgerMetrics(createRegistry('bench')),
    origin: ORIGIN,
    keys: { signers: [SIGNER], retired: [] },
  });
}

async function createDatabase(serverUrl: string): Promise<string> {
  const name = `bench_ledger_${randomBytes(4).toString('hex')}`;
  const server = await new DataSource({ type: 'postgres', url: serverUrl }).initialize();
  await server.query(`CREATE DATABASE ${name}`);
  await server.destroy();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

const DIGEST = `sha256:${'ab'.repeat(32)}`;
/** The content of a settled cast; `@` becomes a number. */
const FACT = canonicalJson({
  castId: '01890000-0000-7000-8000-000000000001',
  ending: {
    attempts: 1,
    durationMs: 12,
    errorCode: null,
    exitCode: 0,
    fuelUsed: '@',
    memoryPeakBytes: 1_114_112,
    status: 'SUCCEEDED',
  },
  input: { bytes: 12, digest: DIGEST },
  output: { bytes: 12, digest: DIGEST },
  price: { costMicros: '@', heldMicros: '100', pricing: { model: 'flat', priceMicros: '100' } },
  run: {
    argumentsDigest: DIGEST,
    environmentDigest: DIGEST,
    limits: { maxFuel: '1000000', timeoutMs: 30_000 },
  },
  spell: { key: 'com.example.any', meteredDigest: DIGEST, moduleDigest: DIGEST, packageDigest: DIGEST },
  times: {
    finishedAt: '2026-11-22T10:00:00.123Z',
    queuedAt: '2026-11-22T10:00:00.123Z',
    startedAt: '2026-11-22T10:00:00.123Z',
  },
  version: 1,
});

/** Facts of 50 people. */
const RAISE = `
  INSERT INTO ledger_outbox (${FACT_COLUMNS})
  SELECT ('00000000-0000-7000-8000-' || lpad((i % 50)::text, 12, '0'))::uuid, 'cast.settled', gen_random_uuid()::text,
         clock_timestamp(), replace($2::text, '@', i::text)::json
    FROM generate_series(1, $1::int) AS i`;

/** From the append of a fact to the checkpoint that covers it, at 500 facts a second. */
async function measureDelay(database: DataSource): Promise<void> {
  const [first] = await database.query<{ size: string }[]>(
    'SELECT max(size) AS size FROM ledger_checkpoints',
  );
  const sequencer = openSequencer(database);
  sequencer.start();
  for (let batch = 0; batch < PACED_BATCHES; batch += 1) {
    await database.query(RAISE, [25, FACT]);
    await new Promise((resolve) => setTimeout(resolve, PACED_EVERY_MS));
  }
  await sequencer.stop();
  await openSequencer(database).sequenceBatch();
  const [row] = await database.query<{ p50: number; p99: number }[]>(
    `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50, percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS p99
       FROM (SELECT extract(epoch FROM c.created_at - (e.leaf::jsonb ->> 'at')::timestamptz)::float8 AS seconds
               FROM ledger_checkpoints c JOIN ledger_entries e ON e.sequence >= c.previous_size AND e.sequence < c.size
              WHERE c.size > $1) AS delays`,
    [first?.size],
  );
  const { p50, p99 } = row ?? { p50: NaN, p99: NaN };
  const measured = `${p99.toFixed(3)} s (median ${p50.toFixed(3)} s)`;
  printGoal(
    `under a checkpoint in ${UNDER_CHECKPOINT_GOAL_S} s at p99`,
    p99 <= UNDER_CHECKPOINT_GOAL_S,
    measured,
  );
}

type ReadTile = (tile: { level: number; index: number; width: number }) => Promise<Buffer | null>;

/** What one proof reads, from the middle of the log. */
async function printProof(size: number, read: ReadTile): Promise<void> {
  let [reads, bytesRead] = [0, 0];
  const tree = new TileTree(size, async (tile) => {
    const bytes = await read(tile);
    if (bytes === null) throw new Error(`tile ${tile.level}/${tile.index} is missing`);
    reads += 1;
    bytesRead += bytes.length;
    return bytes;
  });
  const hashes = await tree.inclusionProof(Math.floor(size / 2));
  print(`proof in a log of ${size}: ${hashes.length} hashes from ${reads} tiles, ${bytesRead} bytes read`);
}

async function measureMirror(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spell-bench-mirror-'));
  try {
    await writeMirror(folder, AUDITED_SIZE, SIGNER);
    const source = folderSource(folder);
    await printProof(AUDITED_SIZE, (tile) => source.read(tilePath(tile)));
    const startedMs = performance.now();
    const report = await auditLog(source);
    if (!report.ok) throw new Error(report.problem.reason);
    const seconds = (performance.now() - startedMs) / 1_000;
    const goal = `${AUDITED_SIZE} entries verified in ${AUDIT_GOAL_S} s`;
    printGoal(goal, seconds < AUDIT_GOAL_S, `${seconds.toFixed(1)} s`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { canonicalJson } from '../src/ledger/index.js';
import { printGoal } from './print.js';

const PAIRS = 200;
const BATCH = 64;
const GOAL_MS = 1;
const OUTPUT = randomBytes(200);
const DIGEST = `sha256:${'ab'.repeat(32)}`;

/** What the fact adds to `settle_casts`: the function as it is, and the same without the part that records, in turns. */
export async function measureSettle(database: DataSource): Promise<void> {
  const [{ source }] = await database.query<[{ source: string }]>(
    `SELECT pg_get_functiondef('settle_casts'::regproc) AS source`,
  );
  const [recording = ''] = /,\s*recorded AS \([\s\S]*?FROM settled AS t\)/.exec(source) ?? [];
  if (recording === '') throw new Error('settle_casts records its facts in another way: measure that');
  await database.query(source.replace(recording, '').replace('settle_casts(', 'settle_casts_without_facts('));
  for (const count of [1, BATCH]) {
    const addedMs: number[] = [];
    for (let pair = 0; pair < PAIRS; pair += 1) {
      const without = await settle(database, 'settle_casts_without_facts', count);
      addedMs.push((await settle(database, 'settle_casts', count)) - without);
    }
    const eachMs = (addedMs.toSorted((a, b) => a - b)[PAIRS / 2] ?? NaN) / count;
    printGoal(
      `at most ${GOAL_MS} ms added by its fact to settling a cast (settle_casts with and without it), ${count} at once`,
      eachMs <= GOAL_MS,
      `${eachMs.toFixed(3)} ms`,
    );
  }
}

/** Milliseconds to settle so many casts that run. They have no account and no budgets: neither has part in the fact. */
async function settle(database: DataSource, name: string, count: number): Promise<number> {
  const rows = await database.transaction(async (manager) => {
    await manager.query('SET LOCAL session_replication_role = replica');
    return manager.query<{ id: string }[]>(RUNNING, [count]);
  });
  const batch = rows.map(({ id }, place) => ({ ...ENDING, place, id, output_at: place * OUTPUT.length }));
  const outputs = Buffer.concat(rows.map(() => OUTPUT));
  const startedMs = performance.now();
  await database.query(`SELECT * FROM ${name}($1, $2)`, [JSON.stringify(batch), outputs]);
  return performance.now() - startedMs;
}

const RUNNING = `
  INSERT INTO casts (id, account_id, api_key_id, spell_version_id, status, request_digest, input, timeout_ms, max_memory_bytes,
                     max_output_bytes, max_fuel, attempts, worker_id, lease_until, queued_at, started_at, held_micros)
  SELECT gen_random_uuid(), '00000000-0000-7000-8000-000000000001', gen_random_uuid(), gen_random_uuid(), 'RUNNING', '${DIGEST}', 'input',
         30000, 67108864, 1048576, 1000000, 1, 'bench', now() + interval '1 minute', now(), now(), 100
    FROM generate_series(1, $1::int)
  RETURNING id`;

const ENDING = {
  attempt: 1,
  from_status: 'RUNNING',
  status: 'SUCCEEDED',
  finished_at: '2026-11-22T10:00:00.123Z',
  spell_terms: canonicalJson({
    costTable: 1,
    key: 'com.example.any',
    meteredDigest: DIGEST,
    moduleDigest: DIGEST,
    packageDigest: DIGEST,
    version: '1.0.0',
  }),
  run_terms: canonicalJson({
    argumentsDigest: DIGEST,
    environmentDigest: DIGEST,
    limits: { maxFuel: '1000000', maxMemoryBytes: 67_108_864, maxOutputBytes: 1_048_576, timeoutMs: 30_000 },
    mode: 'deterministic',
  }),
  pricing_terms: canonicalJson({ microsPerGigafuel: '0', model: 'flat', priceMicros: '100' }),
  input_digest: DIGEST,
  inline_bytes: OUTPUT.length,
  output_bytes: OUTPUT.length,
  output_digest: DIGEST,
  output_is_artifact: false,
  exit_code: 0,
  fuel_used: '12345',
  memory_peak_bytes: 1_114_112,
  duration_ms: 12,
  cost_micros: '100',
  final_sequence: 3,
};

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sha256 } from '../../src/platform/index.js';
import { CLOCK_START_NS, prepareModule, SandboxPool, seedOf } from '../../src/sandbox/index.js';
import { Desk, spell } from '../cli/spell.js';
import { cast as castOnPool, failureCode } from '../sandbox/fixtures.js';
import type { ApiClient } from '../support/client.js';
import { CastDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { buildPackage } from '../support/packages.js';
import { spawnProcess } from '../support/processes.js';
import { DETERMINISTIC_PROGRAMS, type DeterministicProgram } from './deterministic-programs.js';

/** All that a run shows of itself, but for how long it took and where its pieces were cut. */
interface Observed {
  end: string;
  fuel: string;
  /** The digests, because what differs is not readable anyway. */
  output: string;
  log: string;
  memoryPeakBytes: number;
}

const TIMEOUT_MS = 20_000;
const MEMORY_MB = 64;

/** A hundred runs: in one process that stays, in three side by side, and each in a process of its own. */
const POOLS = [
  { size: 1, maxCastsPerProcess: 1_000, runs: 34 },
  { size: 3, maxCastsPerProcess: 11, runs: 62 },
  { size: 2, maxCastsPerProcess: 1, runs: 4 },
];
const API_CASTS = 5;

describe('the same module with the same input and limits', async () => {
  const harness = await startHarness({ environment: { SPELL_SANDBOXES: '3' } });
  const { seed } = harness;
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const pools = POOLS.map((options) => ({ ...options, pool: new SandboxPool(options) }));
  let desk: Desk;
  before(async () => {
    desk = await Desk.set();
    await Promise.all(pools.map(({ pool }) => pool.start()));
    // A second worker, with another number of sandboxes, takes its share of the casts.
    await spawnProcess('worker', { ...harness.environment, SPELL_SANDBOXES: '1' });
  });
  after(async () => {
    await Promise.all(pools.map(({ pool }) => pool.stop()));
    await desk.clear();
  });

  for (const [index, program] of DETERMINISTIC_PROGRAMS.entries()) {
    it(`${program.name}: the same end, fuel, output and log in every run`, async (test) => {
      const key = `com.example.deterministic-${index}`;
      const options = packageOf(program);
      await seed.spell(maker, { ...options, key });
      const prepared = await prepareModule(program.wasm);
      assert.ok(prepared.ok);
      const module = Buffer.from(prepared.bytes);
      const identity = {
        clockStartNs: CLOCK_START_NS,
        randomSeed: seedOf(sha256(program.wasm), sha256(program.input)),
      };
      const runOn = (pool: SandboxPool): Promise<Observed> =>
        observePool(pool, module, program, key, identity);

      const casts = await Promise.all(
        Array.from({ length: API_CASTS }, () => observeCast(client, program, key)),
      );
      const [first] = casts;
      assert.ok(first);
      assert.equal(first.end, program.ends);
      for (const observed of casts) assert.deepEqual(observed, first);
      let runs = 0;
      for (const { pool, runs: count } of pools) {
        const again: Observed[] = await Promise.all(Array.from({ length: count }, () => runOn(pool)));
        for (const observed of again) assert.deepEqual(observed, first);
        runs += again.length;
      }
      assert.equal(runs, 100);

      const path = await desk.file(`${index}.tar`, await buildPackage({ ...options, key }));
      const logBytes = Number(/\d+/.exec(first.log));
      assert.deepEqual(await observeDesk(path, program), { ...first, log: `${logBytes} bytes` });
      test.diagnostic(`${first.fuel} fuel in ${runs} of ${runs} runs, ${API_CASTS} casts and bin/spell`);
    });
  }
});

function packageOf({ wasm, maxFuel }: DeterministicProgram) {
  const runtime = {
    max_fuel: maxFuel,
    timeout_ms: TIMEOUT_MS,
    max_memory_mb: MEMORY_MB,
    policy: { fs_read: [] },
  };
  return { wasm, output: 'bytes', runtime } as const;
}

/** A cast over the API. */
async function observeCast(client: ApiClient, program: DeterministicProgram, key: string): Promise<Observed> {
  const { cast } = await client.get(CastDocument, { input: { spell: key, input: program.input } });
  const events = await client.watch(cast.cast.id);
  const last = events.at(-1);
  assert.ok(last?.__typename === 'CastFinished');
  const output = events.flatMap((event) => (event.__typename === 'CastOutput' ? [event.base64] : []));
  const log = events.flatMap((event) => (event.__typename === 'CastLog' ? [event.text ?? ''] : []));
  const { status, error, fuelUsed, memoryPeakBytes } = last.cast;
  return {
    end: error?.code ?? status,
    fuel: fuelUsed ?? '',
    output: sha256(Buffer.concat(output.map((base64) => Buffer.from(base64, 'base64')))),
    log: lengthAndDigest(Buffer.from(log.join(''))),
    memoryPeakBytes: Number(memoryPeakBytes),
  };
}

async function observePool(
  pool: SandboxPool,
  module: Buffer,
  program: DeterministicProgram,
  key: string,
  identity: object,
): Promise<Observed> {
  const outcome = await castOnPool(pool, module, {
    ...identity,
    args: [key],
    input: Buffer.from(program.input),
    limits: {
      timeoutMs: TIMEOUT_MS,
      maxFuel: BigInt(program.maxFuel),
      maxMemoryBytes: MEMORY_MB * 1024 * 1024,
    },
  });
  return {
    end: outcome.kind === 'succeeded' ? 'SUCCEEDED' : failureCode(outcome),
    fuel: String(outcome.fuelUsed),
    output: sha256(outcome.output),
    log: lengthAndDigest(outcome.log),
    memoryPeakBytes: outcome.memoryPeakBytes,
  };
}

function lengthAndDigest(bytes: Buffer): string {
  return `${bytes.length} bytes, ${sha256(bytes)}`;
}

interface DeskReport {
  exit: number | null;
  error: { code: string } | null;
  fuelUsed: string;
  memoryPeakBytes: number;
  outputDigest: string;
  logBytes: number;
}

/** What `bin/spell run --json` tells of a run. */
async function observeDesk(path: string, { input }: DeterministicProgram): Promise<Observed> {
  const { stdout } = await spell(['run', path, '--input', '-', '--json'], Buffer.from(input));
  const report = JSON.parse(stdout.toString()) as DeskReport;
  return {
    end: report.error?.code ?? (report.exit === 0 ? 'SUCCEEDED' : 'EXIT_NONZERO'),
    fuel: report.fuelUsed,
    output: report.outputDigest,
    log: `${report.logBytes} bytes`,
    memoryPeakBytes: report.memoryPeakBytes,
  };
}

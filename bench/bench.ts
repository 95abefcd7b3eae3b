import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres, startEmbeddedRedis } from '../src/platform/index.js';
import { openFloor } from './floor.js';
import { measureLatency, measureThroughput, type Caster, type Latency } from './measure.js';
import { openProduct } from './product.js';

/**
 * What a cast costs over a bare loop written by hand, both measured in this run on the same PostgreSQL and Redis.
 * The ratios are the result; the milliseconds belong to this machine.
 */
const WARM_UP_CASTS = 150;
const TIMED_CASTS = 300;
const IN_FLIGHT = 64;
const THROUGHPUT_CASTS = 1_500;
const P90_GOAL_MS = 50;

const folder = await mkdtemp(join(tmpdir(), 'spell-bench-'));
const postgres = await startEmbeddedPostgres({
  folder: join(folder, 'postgres'),
  isDurable: true,
  connectionsMax: 100,
});
const redis = await startEmbeddedRedis(join(folder, 'redis'), process.env['PATH'] ?? '');
const services = { databaseUrl: postgres.url, redisUrl: redis.url, dataDir: join(folder, 'data') };
try {
  print(
    `machine: ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}, ${redis.description}`,
  );
  const floor = await measure('bare loop', await openFloor(services));
  const product = await measure('product', await openProduct(services));
  print('');
  print('                       bare loop     product     ratio');
  for (const name of ['p50', 'p90', 'p99'] as const)
    row(`latency ${name}, ms`, floor.latency[name], product.latency[name], 1);
  row(`casts/s at ${IN_FLIGHT} in flight`, floor.perSecond, product.perSecond, 0);
  print('');
  const isMet = product.latency.p90 < P90_GOAL_MS;
  print(
    `goal: p90 of a warm trivial cast under ${P90_GOAL_MS} ms: ${isMet ? 'met' : 'NOT met'} (${product.latency.p90.toFixed(1)} ms)`,
  );
} finally {
  await redis.stop();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}

interface Result {
  latency: Latency;
  perSecond: number;
}

async function measure(name: string, caster: Caster): Promise<Result> {
  try {
    await measureLatency(caster, WARM_UP_CASTS);
    const latency = await measureLatency(caster, TIMED_CASTS);
    await measureThroughput(caster, THROUGHPUT_CASTS / 5, IN_FLIGHT);
    const perSecond = await measureThroughput(caster, THROUGHPUT_CASTS, IN_FLIGHT);
    print(`${name}: ${TIMED_CASTS} casts one by one, ${THROUGHPUT_CASTS} casts at ${IN_FLIGHT} in flight`);
    return { latency, perSecond };
  } finally {
    await caster.close();
  }
}

function row(name: string, floor: number, product: number, digits: number): void {
  const cells = [floor.toFixed(digits), product.toFixed(digits), `${(product / floor).toFixed(2)} ×`];
  print(`${name.padEnd(24)}${cells.map((cell) => cell.padStart(8)).join('    ')}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

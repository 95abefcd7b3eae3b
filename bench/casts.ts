import { print, printGoal } from './print.js';
import { openProduct, publishWordCount, type Product, type Services } from './product.js';
import { IN_FLIGHT, measureInTurns, type Contestant, type Figures } from './scenario.js';
import { seedAccounts } from './seed-accounts.js';

const MANY_ACCOUNTS = 1_000;
const THROUGHPUT_GOAL = 2;
const LATENCY_GOAL = 2;
const ACCEPTED_GOAL = 5_000;
const P90_GOAL_MS = 50;
// With fewer it is the gap between two batches that is measured.
const ACCEPTING_IN_FLIGHT = 128;
// Callers at the same moment in one process, as many sockets would make them.
const REQUESTERS = 512;

type Pids = Record<string, number>;
type Part = (services: Services & { pids: Pids }) => Promise<void>;

const parts: Record<string, Part> = {
  'one-account': (services) => benchWholeCasts(services, { accounts: 1, names: ['local'], ways: ['socket'] }),
  'many-accounts': (services) =>
    benchWholeCasts(services, { accounts: MANY_ACCOUNTS, names: ['local'], ways: ['socket'] }),
  acceptance: benchAcceptance,
};

/** Measured only when they are asked for. */
const otherParts: Record<string, Part> = {
  'over-http': (services) => benchWholeCasts(services, { accounts: 1, names: ['local'], ways: ['http'] }),
  'two-processes': (services) =>
    benchWholeCasts(services, { accounts: 1, names: ['api', 'worker'], ways: ['socket'] }),
};

/** Casts against a loop written by hand. */
export async function benchCasts(
  services: Services & { pids: Pids },
  only: readonly string[],
): Promise<void> {
  const wanted = only.length === 0 ? Object.keys(parts) : only;
  // Accepting comes last: what it leaves in the queue would have to be run first.
  for (const [name, part] of Object.entries({ ...otherParts, ...parts })) {
    if (!wanted.includes(name)) continue;
    print(`\n${name}`);
    await part(services);
  }
}

interface Shape {
  accounts: number;
  names: readonly ('local' | 'api' | 'worker')[];
  ways: readonly ('socket' | 'http')[];
}

async function benchWholeCasts(
  services: Services & { pids: Pids },
  { accounts, names, ways }: Shape,
): Promise<void> {
  const product = await openProduct(services, names);
  try {
    const apiKeys = await prepare(services, product, accounts);
    const { databaseUrl, redisUrl } = services;
    const { graphql, ws } = product;
    const pids = { ...product.pids, ...services.pids };
    const way = (way: 'socket' | 'http'): Contestant => ({
      name: way === 'http' ? 'HTTP and socket' : 'socket',
      caster: { kind: 'product', options: { graphql, ws, apiKeys, way } },
      pids,
    });
    const [floor, ...ours] = await measureInTurns(
      [
        {
          name: 'bare loop',
          caster: { kind: 'floor', options: { databaseUrl, redisUrl, accounts } },
          pids: services.pids,
        },
        ...ways.map(way),
      ],
      true,
    );
    if (floor === undefined) return;
    for (const figures of ours) {
      printFigures(floor, figures);
      const throughput = figures.castsPerSecond / floor.castsPerSecond;
      const latency = figures.p50Ms / floor.p50Ms;
      printGoal(
        `at least ${THROUGHPUT_GOAL} × the casts/s of the bare loop`,
        throughput >= THROUGHPUT_GOAL,
        `${throughput.toFixed(2)} ×`,
      );
      printGoal(
        `unloaded p50 at most ${LATENCY_GOAL} × the bare loop's`,
        latency <= LATENCY_GOAL,
        `${latency.toFixed(2)} ×`,
      );
      printGoal(
        `p90 of a warm trivial cast under ${P90_GOAL_MS} ms`,
        figures.p90Ms < P90_GOAL_MS,
        `${figures.p90Ms.toFixed(1)} ms`,
      );
    }
  } finally {
    await product.close();
  }
}

async function benchAcceptance(services: Services & { pids: Pids }): Promise<void> {
  const { databaseUrl, redisUrl } = services;
  const product = await openProduct(services, ['api']);
  let apiKeys: string[];
  try {
    apiKeys = await prepare(services, product, 1);
    const { graphql, ws } = product;
    const overEdges = await measureInTurns(
      (['accept-socket', 'accept'] as const).map((way) => ({
        name: way === 'accept' ? 'over HTTP' : 'over one socket',
        caster: { kind: 'product' as const, options: { graphql, ws, apiKeys, way } },
        pids: { ...product.pids, ...services.pids },
        load: { casts: 4_000, inFlight: ACCEPTING_IN_FLIGHT },
      })),
      false,
    );
    for (const figures of overEdges) printAcceptance(figures);
  } finally {
    await product.close();
  }
  const withoutEdge = await measureInTurns(
    [
      {
        name: `requestCast by ${REQUESTERS} callers`,
        caster: { kind: 'requester', options: { databaseUrl, redisUrl, apiKey: apiKeys[0] ?? '' } },
        pids: services.pids,
        load: { casts: 10_000, inFlight: REQUESTERS },
      },
    ],
    false,
  );
  for (const figures of withoutEdge) printAcceptance(figures);
}

function printAcceptance(figures: Figures): void {
  const found = `${figures.castsPerSecond.toFixed(0)}/s`;
  print(`${figures.name}: ${found}; CPU a cast: ${describeCpu(figures)}`);
  printGoal(
    `at least ${ACCEPTED_GOAL} acceptances per second`,
    figures.castsPerSecond >= ACCEPTED_GOAL,
    found,
  );
}

async function prepare(services: Services, product: Product, accounts: number): Promise<string[]> {
  const apiKeys = await seedAccounts(services.databaseUrl, accounts);
  await publishWordCount(product, apiKeys[0] ?? '');
  return apiKeys;
}

function printFigures(floor: Figures, product: Figures): void {
  print(product.name.padEnd(26) + ' bare loop     product     ratio');
  for (const [name, key] of [
    ['p50', 'p50Ms'],
    ['p90', 'p90Ms'],
    ['p99', 'p99Ms'],
  ] as const)
    row(`  ${name} one by one, ms`, floor[key], product[key], 1);
  row(`  casts/s, ${IN_FLIGHT} in flight`, floor.castsPerSecond, product.castsPerSecond, 0);
  print(`  CPU a cast: ${describeCpu(product)}; bare loop ${describeCpu(floor)}`);
}

function describeCpu({ cpuMsPerCast }: Figures): string {
  const total = Object.values(cpuMsPerCast).reduce((sum, ms) => sum + ms, 0);
  const each = Object.entries(cpuMsPerCast).map(([name, ms]) => `${name} ${ms.toFixed(2)}`);
  return `${total.toFixed(2)} ms (${each.join(', ')})`;
}

function row(name: string, floor: number, product: number, digits: number): void {
  const cells = [floor.toFixed(digits), product.toFixed(digits), `${(product / floor).toFixed(2)} ×`];
  print(`${name.padEnd(26)}${cells.map((cell) => cell.padStart(8)).join('    ')}`);
}

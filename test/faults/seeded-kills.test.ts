import assert from 'node:assert/strict';
import { AsyncResource } from 'node:async_hooks';
import { after, describe, it } from 'node:test';
import { spawnProcess } from '../support/processes.js';
import { BudgetWatch } from './seeded/budget-watch.js';
import { checkLedgerGapless } from './seeded/check-ledger.js';
import { startKillablePostgres } from './seeded/killable-postgres.js';
import { beginSeed, type SeedRun } from './seeded/run-seed.js';
import { explainFailure } from './seeded/explain-failure.js';
import { publishSpells } from './seeded/spells.js';
import { Stack } from './seeded/stack.js';
import { startOwnRedis } from './support.js';

/**
 * `make faults SEEDS=200` runs so many seeds, `SEED=123` begins with that one (and runs it alone unless SEEDS says more).
 * A seed's end may overlap the seeds after it: `SEED=120 SEEDS=4` replays such a sequence.
 */
const SEEDS_BY_DEFAULT = 20;
const first = Number(process.env['SEED'] ?? 1);
const count = Number(process.env['SEEDS'] ?? (process.env['SEED'] === undefined ? SEEDS_BY_DEFAULT : 1));
// A cast that has lost its worker waits four seconds for the next; meanwhile the next seeds begin.
const DRAINING_MAX = 4;
const ENDINGS = [
  ...['SUCCEEDED', 'CANCELED', 'TRAP', 'FUEL_EXHAUSTED', 'DEADLINE_EXCEEDED'],
  ...['a second attempt', 'BUDGET_EXCEEDED', 'a lost answer'],
];

describe('clients while things are killed at random', async () => {
  const spawn = AsyncResource.bind(spawnProcess);
  const [postgres, redis] = await Promise.all([startKillablePostgres(), startOwnRedis()]);
  after(() => postgres.stop());
  const stack = await Stack.start({ postgres, redis, spawn });
  after(() => stack.end());
  const maker = await stack.seed.account(['publish']);
  const spells = await publishSpells(stack.seed, maker);
  const budgets = new BudgetWatch(stack.database);
  after(() => budgets.end());
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  const runs = seeds.map(() => Promise.withResolvers<SeedRun>());
  for (const { promise } of runs) promise.catch(() => undefined);
  void runAll();

  async function runAll(): Promise<void> {
    const draining = new Set<Promise<void>>();
    for (const [index, seed] of seeds.entries()) {
      const run = runs[index];
      if (run === undefined) continue;
      while (draining.size >= DRAINING_MAX) await Promise.race(draining);
      try {
        await stack.isWhole();
        const { drain } = await beginSeed({ stack, spells, budgets }, seed);
        const drained = drain().then(run.resolve, run.reject);
        draining.add(drained);
        void drained.finally(() => draining.delete(drained));
      } catch (error) {
        run.reject(error);
      }
    }
  }

  for (const [index, seed] of seeds.entries()) {
    it(`seed ${seed}: nothing lost, nothing twice, no budget passed`, async (test) => {
      const run = await runs[index]?.promise;
      assert.ok(run !== undefined);
      for (const line of run.lines) test.diagnostic(line);
      // The reporter tells of failures only when all is over, which may be an hour from now.
      for (const problem of run.problems) test.diagnostic(`seed ${seed}: ${problem}`);
      if (run.problems.length > 0) assert.fail(explainFailure(run, stack));
    });
  }

  it('in the end nothing is held, nothing is left to deliver, and the runs had it all', async (test) => {
    const done = await Promise.all(runs.map(({ promise }) => promise));
    const [left] = await stack.database.query(
      `SELECT (SELECT count(*) FROM outbox)::int AS outbox, (SELECT coalesce(sum(held_micros), 0) FROM casts)::int AS held,
              (SELECT coalesce(sum(held_micros), 0) FROM budget_periods)::int AS reserved`,
    );
    assert.deepEqual(left, { outbox: 0, held: 0, reserved: 0 });
    assert.deepEqual(await checkLedgerGapless(stack.database), []);
    const seen = Object.fromEntries(
      ENDINGS.map((ending) => [ending, done.reduce((sum, run) => sum + countOf(run, ending), 0)]),
    );
    test.diagnostic(
      `${done.length} seeds, ${done.flatMap(({ rows }) => rows).length} casts: ${JSON.stringify(seen)}`,
    );
    test.diagnostic(`${budgets.looks} looks at all budgets, ${stack.redisLosses.length} losses of Redis`);
    // Fewer seeds than the usual may miss some ending by chance.
    if (count >= SEEDS_BY_DEFAULT)
      for (const [ending, times] of Object.entries(seen)) assert.ok(times > 0, ending);
  });
});

function countOf({ rows, records }: SeedRun, ending: string): number {
  switch (ending) {
    case 'a second attempt':
      return rows.filter(({ attempts }) => attempts > 1).length;
    case 'BUDGET_EXCEEDED':
      return records.filter(({ refusals }) => refusals.length > 0).length;
    case 'a lost answer':
      return records.filter(({ step, maybeAccepted }) => maybeAccepted > step.senders).length;
    default:
      return rows.filter((row) => (row.error_code ?? row.status) === ending).length;
  }
}

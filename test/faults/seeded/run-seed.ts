import { delay, until } from '../support.js';
import { ApiClient } from '../../support/client.js';
import type { SeededAccount } from '../../support/seed.js';
import type { BudgetWatch } from './budget-watch.js';
import { readCasts, readUnfinished, type CastRow } from './cast-rows.js';
import { playChange } from './change-budgets.js';
import { playStep, type StepRecord } from './caster.js';
import { checkCasts } from './check-casts.js';
import { checkLedger } from './check-ledger.js';
import { checkMoney } from './check-money.js';
import { checkStream } from './check-streams.js';
import { ACCOUNTS, ACTIVE_MS, KEYS_PER_ACCOUNT, planRun, type Plan } from './plan.js';
import { setBudgets } from './set-budgets.js';
import type { SpellKeys } from './spells.js';
import type { Stack } from './stack.js';
import { watchToEnd } from './watch-stream.js';

export interface SeedRun {
  seed: number;
  /** What was done to whom and when, for people. */
  lines: string[];
  /** Empty when everything held. */
  problems: string[];
  rows: CastRow[];
  records: StepRecord[];
}

interface RunDeps {
  stack: Stack;
  spells: SpellKeys;
  budgets: BudgetWatch;
}

// Three attempts that each lose their worker, and a platform that starts anew meanwhile.
const DRAINED_WITHIN_MS = 120_000;

/** The part of a run in which clients begin and things are killed. Its end comes from `drain`, and may come later. */
export async function beginSeed(deps: RunDeps, seed: number): Promise<{ drain: () => Promise<SeedRun> }> {
  const plan = planRun(seed);
  const accounts = await openAccounts(deps, plan);
  const begunAtMs = performance.now();
  const lines: string[] = [];
  const secrets = accounts.map((keys) => keys.map(({ apiKey }) => apiKey));
  const steps = plan.steps.map(async (step) => {
    await delay(step.atMs);
    return playStep({ ...deps, secrets }, step);
  });
  const changes = plan.changes.map((change) =>
    playChange(deps.stack, secrets[change.account]?.[0] ?? '', change),
  );
  const faults = plan.faults.map(async (fault) => {
    await delay(fault.atMs);
    const place = lines.push(`seed ${seed}: ${fault.kind}`) - 1;
    const atMs = Math.round(performance.now() - begunAtMs);
    lines[place] = `seed ${seed}, after ${atMs} ms: ${await deps.stack.strike(fault)}`;
  });
  await Promise.all([delay(ACTIVE_MS), ...faults]);
  return {
    drain: async () => {
      const records = await Promise.all(steps);
      const run = await drain(deps, plan, accounts, records, lines);
      run.problems.push(...(await Promise.all(changes)).flat());
      return run;
    },
  };
}

/** By account, by key. */
async function openAccounts({ stack, spells }: RunDeps, plan: Plan): Promise<SeededAccount[][]> {
  const accounts = await Promise.all(
    Array.from({ length: ACCOUNTS }, async () => {
      const first = await stack.seed.account(['cast', 'read', 'admin']);
      const others = Array.from({ length: KEYS_PER_ACCOUNT - 1 }, () =>
        stack.seed.key(first.accountId, ['cast', 'read']),
      );
      return [first, ...(await Promise.all(others))];
    }),
  );
  await setBudgets(plan.budgets, accounts, spells);
  return accounts;
}

async function drain(
  deps: RunDeps,
  plan: Plan,
  accounts: SeededAccount[][],
  records: StepRecord[],
  lines: string[],
): Promise<SeedRun> {
  const { stack, budgets } = deps;
  const accountIds = accounts.map((keys) => keys[0]?.accountId ?? '');
  const problems: string[] = [];
  await waitForEnd(stack, accountIds).catch((error: Error) => problems.push(error.message));
  const rows = await readAgain(() => readCasts(stack.database, accountIds));
  const afresh = await Promise.all(rows.map((row) => watchAfresh(stack, accounts, row)));
  const watched = [...records.flatMap((record) => record.watched), ...afresh];
  const byId = new Map(rows.map((row) => [row.id, row]));
  problems.push(
    ...checkCasts(records, rows),
    ...(await readAgain(() => checkMoney(stack.database, accountIds, records, rows))),
    ...(await readAgain(() => checkLedger(stack.ledger, accountIds, rows))),
    ...watched.flatMap((one) =>
      checkStream(one, byId.get(one.castId), wasRedisLost(stack, byId.get(one.castId), one)),
    ),
    ...budgets.problemsOf(accountIds),
    ...stack.processes.flatMap(({ unasked }) => unasked),
  );
  return { seed: plan.seed, lines, problems, rows, records };
}

/** Until each cast is final and nothing is left to deliver. */
async function waitForEnd(stack: Stack, accountIds: string[]): Promise<void> {
  let left: string[] = [];
  try {
    await until('everything has ended', DRAINED_WITHIN_MS, async () => {
      left = await readUnfinished(stack.database, accountIds).catch(() => ['PostgreSQL does not answer']);
      if (left.length > 0) await delay(100);
      return left.length === 0;
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${left.join(', ')}`, { cause: error });
  }
}

/** PostgreSQL may be killed by the run that follows while this one looks at its results. */
async function readAgain<T>(read: () => Promise<T>): Promise<T> {
  return until('PostgreSQL answers', 60_000, async () => read().catch(() => null));
}

/** As somebody who comes late and sees it all at once. */
function watchAfresh(stack: Stack, accounts: SeededAccount[][], row: CastRow) {
  const owner = accounts.find((keys) => keys[0]?.accountId === row.account_id);
  const client = () => new ApiClient(stack.urlOf(0), owner?.[0]?.apiKey ?? null);
  return watchToEnd(client, row.id, () => undefined);
}

// As docs/PROTOCOL.md says: numbers may be skipped when Redis was emptied so long before the cast, which is not known
// to the millisecond. The kill is noted before it is done, and Redis is back up to half a second after it.
const LOST_BEFORE_MS = 3_500;

/** Redis loses events when it is killed while they are written or before they are read. */
function wasRedisLost(stack: Stack, row: CastRow | undefined, { endedAtMs }: { endedAtMs: number }): boolean {
  return stack.redisLosses.some(
    ({ atMs }) => atMs >= (row?.queued_at_ms ?? 0) - LOST_BEFORE_MS && atMs <= endedAtMs,
  );
}

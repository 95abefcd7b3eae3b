import { Random } from './random.js';
import type { SpellName } from './spells.js';

/** One request of a client, and what the client does after its answer. */
export interface Step {
  /** Names the step; it is also the cast's input, by which its row is found. */
  name: string;
  atMs: number;
  account: number;
  key: number;
  /** Which API is asked first. */
  api: number;
  spell: SpellName;
  endUser: string | null;
  limits: { timeoutMs?: number; maxFuel?: string };
  /** With an idempotency key the client repeats itself until it has an answer. */
  isKeyed: boolean;
  /** The same request from so many clients at once; more than one only with an idempotency key. */
  senders: number;
  /** Without a key, whether the client dares to send again after a lost answer. */
  isSentAgain: boolean;
  afterwards: { kind: 'watch' } | { kind: 'leave' } | { kind: 'cancel'; afterMs: number };
}

export const FAULT_KINDS = [
  'worker',
  'stop-worker',
  'pause-worker',
  'api',
  'sandbox',
  'redis',
  'postgres',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Something is killed (a worker may also be told to stop, or paused) and comes back after a while. */
export interface Fault {
  kind: FaultKind;
  atMs: number;
  downMs: number;
  /** Which of several; taken modulo their number when it happens. */
  which: number;
}

export interface BudgetPlan {
  account: number;
  scope: 'ACCOUNT' | 'API_KEY' | 'SPELL' | 'END_USER';
  period: 'DAILY' | 'MONTHLY';
  hardLimitMicros: bigint;
}

/** The owner sets the budget of CHANGING_END_USER to a limit, lower or higher than before, or deletes it. */
export interface BudgetChange {
  kind: 'set' | 'delete';
  account: number;
  atMs: number;
  api: number;
  hardLimitMicros: bigint;
}

export interface Plan {
  seed: number;
  changes: BudgetChange[];
  steps: Step[];
  faults: Fault[];
  budgets: BudgetPlan[];
}

export const ACCOUNTS = 2;
export const KEYS_PER_ACCOUNT = 2;
/** The end user and the spell that have a budget, and the key, which is the account's first. */
export const BUDGETED_END_USER = 'ann';
export const BUDGETED_SPELL: SpellName = 'flat';
/** The end user whose budget comes, goes and changes meanwhile. */
export const CHANGING_END_USER = 'bob';

const STEPS = 36;
// Time in which clients begin and things are killed.
export const ACTIVE_MS = 1_500;
// PostgreSQL takes a second to come back, in which nothing else can be learned.
const POSTGRES_EVERY_SEEDS = 6;
// A worker that is paused until its leases have run out keeps the next seed waiting for as long.
const PAUSE_EVERY_SEEDS = 5;
const PAUSED_MS = { least: 4_200, most: 5_000 };
const CHANGES = 12;

/** Everything about a run that is chosen: one seed makes the same plan always. */
export function planRun(seed: number): Plan {
  const random = new Random(seed);
  return {
    seed,
    steps: Array.from({ length: STEPS }, (_, index) => planStep(random, `${seed}/${index}`)),
    faults: planFaults(random, seed),
    budgets: Array.from({ length: ACCOUNTS }, (_, account) => planBudgets(random, account)).flat(),
    changes: Array.from({ length: CHANGES }, () => planChange(random)),
  };
}

function planStep(random: Random, name: string): Step {
  const spell = random.pick<SpellName>([
    'free',
    'freeLong',
    'freeLong',
    'flat',
    'flat',
    'flatTrap',
    'metered',
    'meteredTrap',
    'meteredEndless',
    'meteredEndless',
  ]);
  const isKeyed = random.isTrue(0.6);
  return {
    name,
    atMs: random.whole(0, ACTIVE_MS),
    account: random.whole(0, ACCOUNTS - 1),
    key: random.whole(0, KEYS_PER_ACCOUNT - 1),
    api: random.whole(0, 1),
    spell,
    endUser: random.pick([null, BUDGETED_END_USER, CHANGING_END_USER]),
    limits: spell === 'meteredEndless' ? planLimits(random) : {},
    isKeyed,
    senders: isKeyed && random.isTrue(0.3) ? 2 : 1,
    isSentAgain: random.isTrue(0.5),
    afterwards: planAfterwards(random),
  };
}

/** An endless guest runs into its fuel limit or its deadline, whichever this makes the shorter. */
function planLimits(random: Random): Step['limits'] {
  if (random.isTrue(0.5)) return { maxFuel: String(random.whole(1_000_000, 50_000_000)) };
  return { timeoutMs: random.whole(100, 400) };
}

function planAfterwards(random: Random): Step['afterwards'] {
  const drawn = random.next();
  if (drawn < 0.25) return { kind: 'cancel', afterMs: random.whole(0, 250) };
  return drawn < 0.75 ? { kind: 'watch' } : { kind: 'leave' };
}

function planChange(random: Random): BudgetChange {
  return {
    kind: random.isTrue(0.6) ? 'set' : 'delete',
    account: random.whole(0, ACCOUNTS - 1),
    atMs: random.whole(0, ACTIVE_MS),
    api: random.whole(0, 1),
    hardLimitMicros: BigInt(random.whole(5_000, 60_000)),
  };
}

function planFaults(random: Random, seed: number): Fault[] {
  const kinds: FaultKind[] = Array.from({ length: random.whole(2, 3) }, () =>
    random.pick(['worker', 'worker', 'stop-worker', 'api', 'sandbox', 'sandbox', 'redis']),
  );
  if (seed % POSTGRES_EVERY_SEEDS === 0) kinds.push('postgres');
  const faults = kinds.map((kind) => planFault(random, kind));
  if (seed % PAUSE_EVERY_SEEDS === 0) faults.push(planFault(random, 'pause-worker'));
  return faults.toSorted((a, b) => a.atMs - b.atMs);
}

function planFault(random: Random, kind: FaultKind): Fault {
  const down = kind === 'pause-worker' ? PAUSED_MS : { least: 0, most: 500 };
  return {
    kind,
    atMs: random.whole(100, ACTIVE_MS),
    downMs: random.whole(down.least, down.most),
    which: random.whole(0, 99),
  };
}

/** Limits that bind some of the time; they are not multiples of any price, so that a micro too much would show. */
function planBudgets(random: Random, account: number): BudgetPlan[] {
  const budget = (
    scope: BudgetPlan['scope'],
    period: BudgetPlan['period'],
    least: number,
    most: number,
  ): BudgetPlan => ({ account, scope, period, hardLimitMicros: BigInt(random.whole(least, most)) });
  return [
    budget('ACCOUNT', random.pick(['DAILY', 'MONTHLY']), 70_000, 140_000),
    budget('API_KEY', random.pick(['DAILY', 'MONTHLY']), 35_000, 80_000),
    budget('SPELL', 'DAILY', 20_000, 45_000),
    budget('END_USER', 'MONTHLY', 20_000, 60_000),
  ];
}

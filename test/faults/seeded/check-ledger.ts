import { findEntries } from '../../../src/ledger/find-entries.js';
import type { LedgerDeps } from '../../../src/ledger/index.js';
import type { DataSource } from '../../../src/platform/index.js';
import type { CastRow } from './cast-rows.js';

interface SettledFact {
  castId: string;
  ending: { status: string; attempts: number };
  price: { costMicros: string };
}

// More than the facts of an account of one run: at most three for each of its steps, and those of its keys and budgets.
const ENTRIES_MAX = 1_000;

/** The ledger has one fact for each settled cast, which says what the row says, and none for any other. */
export async function checkLedger(
  ledger: LedgerDeps,
  accountIds: string[],
  rows: CastRow[],
): Promise<string[]> {
  const facts = (await Promise.all(accountIds.map((id) => readFacts(ledger, id)))).flat();
  const byCast = Map.groupBy(facts, ({ castId }) => castId);
  const ids = new Set(rows.map(({ id }) => id));
  return [
    ...rows.flatMap((row) => checkFact(row, byCast.get(row.id) ?? [])),
    ...facts
      .filter(({ castId }) => !ids.has(castId))
      .map(({ castId }) => `a fact of the unknown cast ${castId}`),
  ];
}

async function readFacts(ledger: LedgerDeps, accountId: string): Promise<SettledFact[]> {
  const all = { accountId, isOwnOnly: true, afterSequence: -1, first: ENTRIES_MAX, mayOpen: true };
  const { entries } = await findEntries(ledger, all);
  return entries
    .filter(({ leaf }) => leaf.kind === 'cast.settled')
    .map(({ opened }) => opened?.content as SettledFact);
}

function checkFact(row: CastRow, facts: SettledFact[]): string[] {
  const [fact] = facts;
  if (fact === undefined || facts.length > 1)
    return [`cast ${row.id} has ${facts.length} facts in the ledger`];
  const { status, attempts } = fact.ending;
  const isTrue =
    status === row.status && attempts === row.attempts && fact.price.costMicros === row.cost_micros;
  return isTrue ? [] : [`the ledger says of cast ${row.id}: ${JSON.stringify(fact)}`];
}

/** No number of the log is missing, and its newest checkpoint covers all of it. */
export async function checkLedgerGapless(database: DataSource): Promise<string[]> {
  const [log] = await database.query(
    `SELECT count(*)::int AS entries, coalesce(max(sequence) + 1, 0)::int AS next,
            (SELECT max(size) FROM ledger_checkpoints)::int AS size FROM ledger_entries`,
  );
  if (log.entries === log.next && log.entries === log.size && log.entries > 0) return [];
  return [`the ledger has ${log.entries} entries, the next is ${log.next}, the checkpoint says ${log.size}`];
}

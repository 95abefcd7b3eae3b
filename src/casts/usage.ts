import { requireScope, type Principal } from '../accounts/index.js';
import { badInput, queryRows, type Clock, type DataSource, type InputProblem } from '../platform/index.js';

export const USAGE_DIMENSIONS = ['DAY', 'SPELL', 'API_KEY', 'END_USER'] as const;
export type UsageDimension = (typeof USAGE_DIMENSIONS)[number];

/** Calls, fuel and micros of settled casts that have the named things in common; null is "not asked for" or "none". */
export interface UsageRow {
  /** The day in UTC on which they were accepted, as 2026-11-22. */
  day: string | null;
  spell: string | null;
  keyPrefix: string | null;
  endUser: string | null;
  calls: bigint;
  fuel: bigint;
  micros: bigint;
}

export interface UsageFilter {
  from?: Date | null;
  to?: Date | null;
  by?: readonly UsageDimension[] | null;
}

/** A list of sums: its span, and what tells its rows apart. */
export interface UsageList {
  from: Date;
  to: Date;
  by: readonly UsageDimension[];
}

/** Where a page begins: after the row with these values, in the order of the list. */
export type UsagePlace = Pick<UsageRow, 'day' | 'spell' | 'keyPrefix' | 'endUser'>;

// All of it is added up in one statement.
const SPAN_DAYS_MAX = 366;
const DAY_MS = 86_400_000;

interface SumRow {
  day: string;
  spell: string;
  key_prefix: string;
  end_user: string;
  calls: string;
  fuel: string;
  micros: string;
}

/**
 * What the account's casts used, added up from the casts themselves, so it is right to the micro at any moment: those
 * accepted from `from` (default: the beginning of this month, UTC) until before `to` (default: now) that have ended.
 * The newest day first, then by spell, key and end user; up to `first + 1` rows.
 */
export async function readUsage(
  deps: { database: DataSource; clock: Clock },
  principal: Principal | null,
  filter: UsageFilter,
  page: { first: number; after: UsagePlace | null },
): Promise<UsageRow[]> {
  const { accountId } = requireScope(principal, 'read');
  const { from, to, by } = toUsageList(filter, deps.clock.now());
  const rows = await queryRows<SumRow>(deps.database, sumUsage(new Set(by)), [
    accountId,
    from,
    to,
    page.first + 1,
    page.after === null ? null : (page.after.day ?? ''),
    page.after?.spell ?? '',
    page.after?.keyPrefix ?? '',
    page.after?.endUser ?? '',
  ]);
  return rows.map((row) => ({
    day: row.day === '' ? null : row.day,
    spell: row.spell === '' ? null : row.spell,
    keyPrefix: row.key_prefix === '' ? null : row.key_prefix,
    endUser: row.end_user === '' ? null : row.end_user,
    calls: BigInt(row.calls),
    fuel: BigInt(row.fuel),
    micros: BigInt(row.micros),
  }));
}

/** The same with nothing left open: which list is asked for. */
export function toUsageList(filter: UsageFilter, now: Date): UsageList {
  const from = filter.from ?? new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1));
  const to = filter.to ?? now;
  const problems: InputProblem[] = [];
  for (const [path, at] of Object.entries({ from, to }))
    if (Number.isNaN(at.getTime())) problems.push({ path, reason: 'is no time' });
  if (from > to) problems.push({ path: 'from', reason: 'must not be after to' });
  if (to.getTime() - from.getTime() > SPAN_DAYS_MAX * DAY_MS)
    problems.push({ path: 'from', reason: `must be at most ${SPAN_DAYS_MAX} days before to` });
  if (problems.length > 0) throw badInput(problems);
  const asked = new Set(filter.by ?? ['DAY']);
  return { from, to, by: USAGE_DIMENSIONS.filter((dimension) => asked.has(dimension)) };
}

/** Only fixed expressions are put together here; every value is a parameter. */
function sumUsage(by: ReadonlySet<UsageDimension>): string {
  const day = by.has('DAY') ? `to_char(c.queued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')` : `''`;
  const spell = by.has('SPELL') ? 's.key' : `''`;
  const key = by.has('API_KEY') ? 'k.prefix' : `''`;
  const endUser = by.has('END_USER') ? `coalesce(c.end_user, '')` : `''`;
  return `
    SELECT * FROM (
      SELECT ${day} COLLATE "C" AS day, ${spell} COLLATE "C" AS spell, ${key} COLLATE "C" AS key_prefix,
             ${endUser} COLLATE "C" AS end_user, count(*) AS calls, coalesce(sum(c.fuel_used), 0) AS fuel,
             coalesce(sum(c.cost_micros), 0) AS micros
        FROM casts c
        JOIN spell_versions v ON v.id = c.spell_version_id JOIN spells s ON s.id = v.spell_id
        JOIN api_keys k ON k.id = c.api_key_id
       WHERE c.account_id = $1 AND c.queued_at >= $2 AND c.queued_at < $3 AND c.finished_at IS NOT NULL
       GROUP BY 1, 2, 3, 4) AS sums
     WHERE $5::text IS NULL OR day < $5 OR (day = $5 AND (spell, key_prefix, end_user) > ($6, $7, $8))
     ORDER BY day DESC, spell, key_prefix, end_user LIMIT $4`;
}

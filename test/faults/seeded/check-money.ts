import type { DataSource } from '../../../src/platform/index.js';
import type { StepRecord } from './caster.js';
import type { CastRow } from './cast-rows.js';
import { BUDGETED_END_USER, BUDGETED_SPELL, CHANGING_END_USER, type Step } from './plan.js';
import { SPELLS, expectedCostMicros } from './spells.js';

interface PeriodRow {
  id: string;
  account_id: string;
  subject: string;
  scope: 'ACCOUNT' | 'API_KEY' | 'SPELL' | 'END_USER';
  hard_limit_micros: string;
  spent_micros: string;
  held_micros: string;
}

/** Charges are the prices of how the casts ended, and each budget has spent what its casts cost, to the micro. */
export async function checkMoney(
  database: DataSource,
  accountIds: string[],
  records: StepRecord[],
  rows: CastRow[],
): Promise<string[]> {
  const periods = await database.query<PeriodRow[]>(
    `SELECT p.id, b.account_id, b.subject, b.scope, b.hard_limit_micros, p.spent_micros, p.held_micros
       FROM budget_periods p JOIN budgets b ON b.id = p.budget_id WHERE b.account_id = ANY($1::uuid[])`,
    [accountIds],
  );
  const steps = new Map(records.map(({ step }) => [step.name, step]));
  return [
    ...rows.flatMap((row) => checkCharge(row, steps.get(row.name))),
    ...rows.flatMap((row) => checkScopes(row, steps.get(row.name), periods)),
    ...periods.flatMap((period) => checkPeriod(period, rows)),
    ...records.flatMap(checkRefusals),
  ];
}

function checkCharge(row: CastRow, step: Step | undefined): string[] {
  if (step === undefined || row.cost_micros === null) return [];
  const expected = expectedCostMicros(step.spell, {
    status: row.status,
    errorCode: row.error_code,
    fuelUsed: row.fuel_used === null ? null : BigInt(row.fuel_used),
    maxFuel: BigInt(row.max_fuel),
  });
  if (BigInt(row.cost_micros) === expected) return [];
  return [
    `cast ${row.id} (${step.spell}) was charged ${row.cost_micros}, not ${expected}: ` +
      `${row.status} ${row.error_code ?? ''}, fuel ${row.fuel_used}`,
  ];
}

/** A cast that can cost anything holds on every budget that applies to it, and on no other. */
function checkScopes(row: CastRow, step: Step | undefined, periods: PeriodRow[]): string[] {
  if (step === undefined) return [];
  const expected = SPELLS[step.spell].price.model === 'free' ? [] : scopesOf(step);
  const byId = new Map(periods.map((period) => [period.id, period]));
  const held = row.budget_period_ids.flatMap((id) => {
    const period = byId.get(id);
    // The budget of this end user was there or not, and may be deleted by now.
    const mayBeGone = step.endUser === CHANGING_END_USER;
    if (mayBeGone && (period === undefined || period.subject === CHANGING_END_USER)) return [];
    return [period?.scope ?? `unknown ${id}`];
  });
  if (held.toSorted().join() === expected.toSorted().join()) return [];
  return [`cast ${row.id} held on [${held.join()}] instead of [${expected.join()}]`];
}

function scopesOf(step: Step): string[] {
  const scopes = ['ACCOUNT'];
  if (step.key === 0) scopes.push('API_KEY');
  if (step.spell === BUDGETED_SPELL) scopes.push('SPELL');
  if (step.endUser === BUDGETED_END_USER) scopes.push('END_USER');
  return scopes;
}

function checkPeriod(period: PeriodRow, rows: CastRow[]): string[] {
  const charged = rows.filter((row) => row.budget_period_ids.includes(period.id));
  const sum = charged.reduce((micros, row) => micros + BigInt(row.cost_micros ?? 0), 0n);
  const name = `${period.scope} budget of ${period.account_id}`;
  const problems: string[] = [];
  if (BigInt(period.spent_micros) !== sum)
    problems.push(`${name} has spent ${period.spent_micros}, its ${charged.length} casts cost ${sum}`);
  if (period.held_micros !== '0') problems.push(`${name} still holds ${period.held_micros}`);
  const isBound = period.subject !== CHANGING_END_USER;
  if (isBound && BigInt(period.spent_micros) > BigInt(period.hard_limit_micros))
    problems.push(`${name} has spent ${period.spent_micros} of ${period.hard_limit_micros}`);
  return problems;
}

/** Whoever is refused is told numbers that really leave no room. */
function checkRefusals({ step, refusals }: StepRecord): string[] {
  return refusals.flatMap((details) => {
    const micros = (name: string) => BigInt(String(details[name]));
    const wanted = micros('spentMicros') + micros('heldMicros') + micros('requiredMicros');
    if (wanted > micros('limitMicros') && micros('requiredMicros') > 0n) return [];
    return [`step ${step.name} was refused although there was room: ${JSON.stringify(details)}`];
  });
}

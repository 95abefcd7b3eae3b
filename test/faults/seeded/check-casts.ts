import type { StepRecord } from './caster.js';
import type { CastRow } from './cast-rows.js';

/** No acknowledged cast lost, none that nobody asked for, one for each key, one final state each. */
export function checkCasts(records: StepRecord[], rows: CastRow[]): string[] {
  const byStep = Map.groupBy(rows, (row) => row.name);
  const names = new Set(records.map(({ step }) => step.name));
  const strangers = rows.filter((row) => !names.has(row.name)).map((row) => `cast ${row.id} of nobody`);
  return [
    ...strangers,
    ...records.flatMap((record) => checkStep(record, byStep.get(record.step.name) ?? [])),
    ...rows.flatMap(checkFinal),
  ];
}

function checkStep(record: StepRecord, rows: CastRow[]): string[] {
  const { step, acknowledged, maybeAccepted } = record;
  const problems = record.problems.map((problem) => `step ${step.name}: ${problem}`);
  const ids = new Set(rows.map(({ id }) => id));
  for (const id of acknowledged)
    if (!ids.has(id)) problems.push(`step ${step.name}: the acknowledged cast ${id} is lost`);
  const most = step.isKeyed ? Math.min(1, maybeAccepted) : maybeAccepted;
  if (rows.length > most)
    problems.push(`step ${step.name}: ${rows.length} casts, but ${most} at most may have been accepted`);
  return problems;
}

function checkFinal(row: CastRow): string[] {
  const isFinal = ['SUCCEEDED', 'FAILED', 'CANCELED'].includes(row.status);
  if (!isFinal || row.final_sequence === null || row.cost_micros === null)
    return [`cast ${row.id} is ${row.status}, sequence ${row.final_sequence}, cost ${row.cost_micros}`];
  return row.held_micros === '0' ? [] : [`cast ${row.id} is final and holds ${row.held_micros}`];
}

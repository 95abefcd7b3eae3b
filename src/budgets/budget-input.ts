import { badInput, type InputProblem } from '../platform/index.js';
import { BUDGET_PERIODS, BUDGET_SCOPES, type BudgetPeriod, type BudgetScope } from './budget.js';
import type { BudgetKey } from './budget-store.js';

/** Which budget, as both edges say it. */
export interface BudgetKeyInput {
  scope: string;
  subject?: string | null;
  period: string;
}

/** A budget as it shall be. */
export interface SetBudgetInput extends BudgetKeyInput {
  softLimitMicros?: bigint | null;
  hardLimitMicros?: bigint | null;
  notifyThresholds?: readonly number[] | null;
}

// A billion dollars: above any real limit, and far below where sums of 64 bits end.
const LIMIT_MICROS_MAX = 1_000_000_000_000_000n;
const SUBJECT_CHARACTERS_MAX = 255;
// Each is an alert per period; who wants more wants usage.
const THRESHOLDS_MAX = 10;

/** Checks which budget is meant. Whether its subject exists is for setBudget to ask. */
export function toBudgetKey(input: BudgetKeyInput): BudgetKey {
  const problems = findKeyProblems(input);
  if (problems.length > 0) throw badInput(problems);
  return {
    scope: input.scope as BudgetScope,
    subject: input.subject ?? '',
    period: input.period as BudgetPeriod,
  };
}

/** Checks everything about a budget that can be checked without looking anything up. */
export function checkBudget(input: SetBudgetInput): BudgetKey & {
  softLimitMicros: bigint | null;
  hardLimitMicros: bigint | null;
  notifyThresholds: number[];
} {
  const softLimitMicros = input.softLimitMicros ?? null;
  const hardLimitMicros = input.hardLimitMicros ?? null;
  const notifyThresholds = [...(input.notifyThresholds ?? [])];
  const problems = [
    ...findKeyProblems(input),
    ...findLimitProblems(softLimitMicros, hardLimitMicros),
    ...findThresholdProblems(notifyThresholds),
  ];
  if (problems.length > 0) throw badInput(problems);
  return { ...toBudgetKey(input), softLimitMicros, hardLimitMicros, notifyThresholds };
}

function findKeyProblems(input: BudgetKeyInput): InputProblem[] {
  const problems: InputProblem[] = [];
  const subject = input.subject ?? '';
  if (!(BUDGET_SCOPES as readonly string[]).includes(input.scope))
    problems.push({ path: 'scope', reason: `must be one of ${BUDGET_SCOPES.join(', ')}` });
  if (!(BUDGET_PERIODS as readonly string[]).includes(input.period))
    problems.push({ path: 'period', reason: `must be one of ${BUDGET_PERIODS.join(', ')}` });
  if (input.scope === 'ACCOUNT' && subject !== '')
    problems.push({ path: 'subject', reason: 'must be absent for ACCOUNT' });
  if (input.scope !== 'ACCOUNT' && subject === '')
    problems.push({ path: 'subject', reason: 'must name a key’s prefix, a spell’s key or an end user' });
  if (subject.length > SUBJECT_CHARACTERS_MAX || subject.includes('\u0000') || !subject.isWellFormed())
    problems.push({
      path: 'subject',
      reason: `must have at most ${SUBJECT_CHARACTERS_MAX} characters, none of them NUL`,
    });
  return problems;
}

function findLimitProblems(soft: bigint | null, hard: bigint | null): InputProblem[] {
  const problems: InputProblem[] = [];
  for (const [path, limit] of [
    ['softLimitMicros', soft],
    ['hardLimitMicros', hard],
  ] as const) {
    if (limit !== null && (limit < 0n || limit > LIMIT_MICROS_MAX))
      problems.push({ path, reason: `must be from 0 to ${LIMIT_MICROS_MAX} micros` });
  }
  if (soft === null && hard === null)
    problems.push({ path: 'hardLimitMicros', reason: 'a budget needs a soft limit, a hard limit, or both' });
  if (soft !== null && hard !== null && soft > hard)
    problems.push({ path: 'softLimitMicros', reason: 'must not be above the hard limit' });
  return problems;
}

function findThresholdProblems(thresholds: number[]): InputProblem[] {
  const isRising = thresholds.every(
    (threshold, index) => index === 0 || threshold > (thresholds[index - 1] ?? 0),
  );
  const isPercent = thresholds.every(
    (threshold) => Number.isInteger(threshold) && threshold >= 1 && threshold <= 100,
  );
  if (isRising && isPercent && thresholds.length <= THRESHOLDS_MAX) return [];
  const reason = `must be at most ${THRESHOLDS_MAX} different percentages from 1 to 100, rising`;
  return [{ path: 'notifyThresholds', reason }];
}

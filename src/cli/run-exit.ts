import type { SandboxFailureCode, SandboxOutcome } from '../sandbox/index.js';

/** What became of a run that was asked for. */
export type RunEnd =
  | { kind: 'exited'; exitCode: number }
  | {
      kind: 'failed';
      code: Exclude<SandboxFailureCode, 'EXIT_NONZERO'> | 'REFUSED' | 'LOST';
      message: string;
    }
  | { kind: 'canceled' };

type EndCode = Extract<RunEnd, { kind: 'failed' }>['code'];

/**
 * Where a guest does not choose its exit code itself. `timeout` and shells use 124 to 126 for alike things, and 134 is
 * what a shell says of a program that aborted.
 */
const EXITS: Readonly<Record<EndCode, { exitCode: number; meaning: string }>> = {
  REFUSED: { exitCode: 120, meaning: 'the module or the package would be refused when published' },
  LOST: { exitCode: 121, meaning: 'the sandbox failed, not the guest; trying again may help' },
  POLICY_VIOLATION: { exitCode: 122, meaning: 'it asks for what no guest gets, or brings more than a limit' },
  OUTPUT_TOO_LARGE: { exitCode: 123, meaning: 'more output, or more pieces of it, than its limit' },
  DEADLINE_EXCEEDED: { exitCode: 124, meaning: 'it ran longer, or used more CPU time, than its limit' },
  FUEL_EXHAUSTED: { exitCode: 125, meaning: 'it used all of its fuel' },
  MEMORY_EXCEEDED: { exitCode: 126, meaning: 'it needed more memory than its limit' },
  TRAP: { exitCode: 134, meaning: 'it trapped' },
};

/** What a shell says of a program that writes to a pipe nobody reads. */
const BROKEN_PIPE = 141;

/** Exit codes of a process are a byte; this keeps a failure one. */
const EXIT_CODE_MAX = 255;

export function describeExits(): string {
  const rows = Object.entries(EXITS).map(
    ([code, { exitCode, meaning }]) => `  ${exitCode}  ${code.padEnd(18)} ${meaning}`,
  );
  return rows.join('\n');
}

export function endOf(outcome: SandboxOutcome): RunEnd {
  switch (outcome.kind) {
    case 'succeeded':
      return { kind: 'exited', exitCode: 0 };
    case 'canceled':
      return { kind: 'canceled' };
    case 'lost':
      return { kind: 'failed', code: 'LOST', message: outcome.message };
    case 'failed':
      if (outcome.code === 'EXIT_NONZERO') return { kind: 'exited', exitCode: outcome.exitCode ?? 1 };
      return { kind: 'failed', code: outcome.code, message: outcome.message };
  }
}

export function exitCodeOf(end: RunEnd): number {
  switch (end.kind) {
    case 'exited':
      return Math.min(end.exitCode, EXIT_CODE_MAX);
    case 'failed':
      return EXITS[end.code].exitCode;
    case 'canceled':
      return BROKEN_PIPE;
  }
}

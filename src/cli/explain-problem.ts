import type { AuditProblem } from '../ledger/offline.js';

/** One line: the file, the entry or the range in which the first bad one is, and why. */
export function explainProblem({ file, sequence, lastSequence, reason }: AuditProblem): string {
  const where =
    sequence === null
      ? ''
      : lastSequence === null
        ? `entry ${sequence}: `
        : `entries ${sequence} to ${lastSequence}: `;
  return `${file}: ${where}${reason}\n`;
}

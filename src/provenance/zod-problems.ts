import type { z } from 'zod';
import { joinPath, type PackageProblem } from './package-problem.js';

/** One problem for each thing zod found, at the path of this room. */
export function zodProblems(place: string, error: z.ZodError): PackageProblem[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys')
      return [{ path: joinPath(place, issue.path), reason: issue.message }];
    return issue.keys.map((key) => ({
      path: joinPath(place, [...issue.path, key]),
      reason: 'is not a known setting, and settings that do nothing are refused',
    }));
  });
}

import { ERROR_STATUS, requestScope, toAppError, type AppError } from '../platform/index.js';

/** RFC 9457 problem details, with the same code and details as GraphQL's `extensions`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  requestId: string | null;
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

const TITLES: Readonly<Record<keyof typeof ERROR_STATUS, string>> = {
  UNAUTHENTICATED: 'Not authenticated',
  FORBIDDEN: 'Not allowed',
  CSRF_FAILED: 'Blocked as a possible cross-site request',
  NOT_FOUND: 'Not found',
  BAD_USER_INPUT: 'The request is not valid',
  CONFLICT: 'Conflict',
  PAYLOAD_TOO_LARGE: 'Too large',
  IDEMPOTENCY_MISMATCH: 'Idempotency key used for another request',
  SPELL_REJECTED: 'The package was refused',
  RATE_LIMITED: 'Too many requests',
  QUERY_REFUSED: 'The query was refused',
  UNAVAILABLE: 'Temporarily unavailable',
  INTERNAL: 'Internal error',
};

export function toProblem(error: unknown): {
  problem: Problem;
  error: AppError;
  headers: Record<string, string>;
} {
  const shown = toAppError(error);
  const { retryAfterSeconds } = shown.details;
  return {
    error: shown,
    headers: typeof retryAfterSeconds === 'number' ? { 'retry-after': String(retryAfterSeconds) } : {},
    problem: {
      type: `/errors#${shown.code.toLowerCase().replaceAll('_', '-')}`,
      title: TITLES[shown.code],
      status: ERROR_STATUS[shown.code],
      detail: shown.message,
      ...shown.details,
      code: shown.code,
      requestId: requestScope()?.requestId ?? null,
    },
  };
}

/** The same for GraphQL clients, when a request is refused before GraphQL sees it. */
export function toGraphqlError(problem: Problem): { message: string; extensions: Record<string, unknown> } {
  const { type: _type, title: _title, status: _status, detail, ...extensions } = problem;
  return { message: detail, extensions };
}

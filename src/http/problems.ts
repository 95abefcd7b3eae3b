import {
  ERROR_STATUS,
  badInput,
  requestScope,
  toAppError,
  type AppError,
  type InputProblem,
} from '../platform/index.js';

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
  BUDGET_EXCEEDED: 'The budget is exceeded',
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
    headers: {
      ...(typeof retryAfterSeconds === 'number' ? { 'retry-after': String(retryAfterSeconds) } : {}),
      // RFC 9110, section 11.6.1: a 401 says how to authenticate.
      ...(shown.code === 'UNAUTHENTICATED' ? { 'www-authenticate': 'Bearer' } : {}),
    },
    problem: {
      ...toRestDetails(shown.details),
      type: `urn:spellplatform:error:${shown.code.toLowerCase().replaceAll('_', '-')}`,
      title: TITLES[shown.code],
      status: ERROR_STATUS[shown.code],
      detail: toRestMessage(shown),
      code: shown.code,
      requestId: requestScope()?.requestId ?? null,
    },
  };
}

/** The operations name a field as GraphQL does; a REST client wrote it in its own way. */
function toRestDetails(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { problems } = details;
  if (!Array.isArray(problems)) return details;
  return { ...details, problems: toRestProblems(problems as InputProblem[]) };
}

function toRestProblems(problems: readonly InputProblem[]): InputProblem[] {
  return problems.map(({ path, reason }) => ({ path: toRestPath(path), reason }));
}

/** The message of a bad input names its first problem, which must have the same name there as in the list. */
function toRestMessage(shown: AppError): string {
  const { problems } = shown.details;
  if (!Array.isArray(problems) || shown.message !== badInput(problems as InputProblem[]).message)
    return shown.message;
  return badInput(toRestProblems(problems as InputProblem[])).message;
}

const REST_NAMES: Readonly<Record<string, string>> = {
  input: 'payload',
  inputBase64: 'payload_base64',
  spell: 'spell_name',
  softLimitMicros: 'soft_limit_cents',
  hardLimitMicros: 'hard_limit_cents',
};

/** Only the names that are ours: what lies below `input` is the caller's. */
function toRestPath(path: string): string {
  const [first = '', ...rest] = path.split('/');
  const name = REST_NAMES[first] ?? toSnakeCase(first);
  return [name, ...(first === 'limits' ? rest.map(toSnakeCase) : rest)].join('/');
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The same for GraphQL clients, when a request is refused before GraphQL sees it. */
export function toGraphqlError(problem: Problem): { message: string; extensions: Record<string, unknown> } {
  const { type: _type, title: _title, status: _status, detail, ...extensions } = problem;
  return { message: detail, extensions };
}

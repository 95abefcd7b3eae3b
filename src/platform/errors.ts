/**
 * The closed catalogue of errors a caller can meet, and the one table from code to HTTP status.
 * Each code has a section in `docs/errors.md`; a test compares the two.
 */
export const ERROR_STATUS = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  CSRF_FAILED: 403,
  NOT_FOUND: 404,
  BAD_USER_INPUT: 400,
  CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
  BUDGET_EXCEEDED: 402,
  IDEMPOTENCY_MISMATCH: 422,
  SPELL_REJECTED: 422,
  RATE_LIMITED: 429,
  QUERY_REFUSED: 400,
  UNAVAILABLE: 503,
  INTERNAL: 500,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** What went wrong with one part of an input: `path` is a slash-separated place in it. */
export interface InputProblem {
  path: string;
  reason: string;
}

/** An error that may be shown to the caller: a code, a public sentence, and details a client can act on. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AppError';
    this.code = code;
    this.details = details;
  }
}

/** One BAD_USER_INPUT that names every problem at once. */
export function badInput(problems: InputProblem[]): AppError {
  const first = problems[0];
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const text = first === undefined ? 'the input is not valid' : `${first.path}: ${first.reason}${more}`;
  return new AppError('BAD_USER_INPUT', text, { problems });
}

/** Missing and foreign look the same to a stranger: both are this error. */
export function notFound(what: string): AppError {
  return new AppError('NOT_FOUND', `${what} not found`);
}

/** The text of anything thrown, for logs. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Codes of PostgreSQL and Node that mean "not now": the service it needs cannot be reached or is starting.
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  '57P01',
  '57P02',
  '57P03',
  '57014',
  '40P01',
  '40001',
  '55P03',
  '53100',
  '53200',
  '08006',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  '53300',
]);
const UNREACHABLE_TEXT =
  /timeout exceeded when trying to connect|Connection terminated|connection is closed/i;

/** Anything thrown as an error that may be shown: deliberate ones pass, the rest become UNAVAILABLE or INTERNAL. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = findCode(error);
  if (code === TEXT_WITH_NUL) {
    return new AppError('BAD_USER_INPUT', 'text may not contain the character NUL', {}, error);
  }
  if ((code !== null && UNREACHABLE.has(code)) || UNREACHABLE_TEXT.test(errorText(error))) {
    return new AppError('UNAVAILABLE', 'a service behind this one does not answer, try again', {}, error);
  }
  return new AppError('INTERNAL', 'something went wrong on our side', {}, error);
}

// PostgreSQL cannot hold NUL in text, and no text of ours needs it.
const TEXT_WITH_NUL = '22021';

function findCode(error: unknown): string | null {
  const { code, driverError } = (error ?? {}) as { code?: unknown; driverError?: { code?: unknown } };
  const found = driverError?.code ?? code;
  return typeof found === 'string' ? found : null;
}

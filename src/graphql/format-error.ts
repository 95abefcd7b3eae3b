import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { AppError, requestScope, toAppError, type ErrorCode, type Logger } from '../platform/index.js';

// What graphql-js and Apollo say of a bad request, in our catalogue.
const FOREIGN_CODES: Readonly<Record<string, ErrorCode>> = {
  GRAPHQL_PARSE_FAILED: 'BAD_USER_INPUT',
  GRAPHQL_VALIDATION_FAILED: 'BAD_USER_INPUT',
  BAD_USER_INPUT: 'BAD_USER_INPUT',
  OPERATION_RESOLUTION_FAILURE: 'BAD_USER_INPUT',
  PERSISTED_QUERY_NOT_SUPPORTED: 'BAD_USER_INPUT',
  PERSISTED_QUERY_NOT_FOUND: 'BAD_USER_INPUT',
  BAD_REQUEST: 'BAD_USER_INPUT',
};

/** Every error that leaves by GraphQL passes here: a code of the catalogue, its details, the request id; the rest is masked. */
export function formatError(error: unknown, logger: Logger): GraphQLFormattedError {
  const graphqlError = error instanceof GraphQLError ? error : null;
  const shown = toShownError(error);
  if (shown.code === 'INTERNAL' || shown.code === 'UNAVAILABLE') {
    logger.error({ err: shown.cause ?? error, path: graphqlError?.path }, 'graphql operation failed');
  }
  return {
    message: shown.message,
    ...(graphqlError?.locations === undefined ? {} : { locations: graphqlError.locations }),
    ...(graphqlError?.path === undefined ? {} : { path: graphqlError.path }),
    extensions: { ...shown.details, code: shown.code, requestId: requestScope()?.requestId ?? null },
  };
}

function toShownError(error: unknown): AppError {
  if (!(error instanceof GraphQLError)) return toAppError(error);
  if (error.originalError !== undefined && !(error.originalError instanceof GraphQLError)) {
    return toAppError(error.originalError);
  }
  const foreign = error.extensions['code'];
  // graphql-js stops after 100 errors, so that a bad query cannot make it work without end.
  if (error.message.includes('Validation aborted')) {
    return new AppError('QUERY_REFUSED', 'the query has too many errors');
  }
  if (/maximum allowed number of nodes|Maximum introspection depth/.test(error.message)) {
    return new AppError('QUERY_REFUSED', error.message);
  }
  if (foreign === undefined && error.originalError === undefined)
    return new AppError('BAD_USER_INPUT', error.message);
  if (error.message.startsWith('This operation has been blocked as a potential Cross-Site')) {
    return new AppError(
      'CSRF_FAILED',
      'send Content-Type: application/json, or the header apollo-require-preflight',
    );
  }
  const code = FOREIGN_CODES[String(foreign)] ?? null;
  if (code !== null) return new AppError(code, error.message);
  return error.originalError instanceof GraphQLError ? toShownError(error.originalError) : toAppError(error);
}

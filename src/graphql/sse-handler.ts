import {
  execute,
  subscribe,
  type ExecutionResult,
  type GraphQLFormattedError,
  type GraphQLSchema,
} from 'graphql';
import { createHandler, type Handler, type Response } from 'graphql-sse';
import type { Principal } from '../accounts/index.js';
import type { KeyVerifier } from '../keys/index.js';
import { AppError, ERROR_STATUS, type Logger } from '../platform/index.js';
import { createContext, type WatchAlerts, type WatchCast } from './context.js';
import { formatError } from './format-error.js';
import { endWithError } from './end-with-error.js';
import { OpenOperation } from './open-operation.js';
import type { OperationMetrics } from './operation-metrics.js';
import { prepareOperation } from './prepare-operation.js';
import type { StreamLimits } from './stream-limits.js';

export interface SseRequest {
  method: string;
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: unknown;
  principal: Principal | null;
  requestId: string;
  /** Aborted when the client has gone. */
  signal: AbortSignal;
  /** Called when the key is revoked: the stream must end. */
  onRevoked: () => void;
}

export interface SseResponse {
  status: number;
  headers: Record<string, string>;
  body: string | AsyncGenerator<string, void, undefined> | null;
}

/** A request that never becomes a stream is answered as plain JSON, as graphql-sse does for its own refusals. */
function refusal(errors: GraphQLFormattedError[]): Response {
  const { code, retryAfterSeconds } = (errors[0]?.extensions ?? {}) as {
    code: keyof typeof ERROR_STATUS;
    retryAfterSeconds?: number;
  };
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  };
  return [JSON.stringify({ errors }), { status: ERROR_STATUS[code], statusText: code, headers }];
}

/** GraphQL over server-sent events (graphql-sse, distinct connections) for clients without WebSockets. */
export class GraphqlSseHandler {
  readonly #handler: Handler<SseRequest, undefined>;
  readonly #verifier: KeyVerifier;
  readonly #logger: Logger;

  constructor(options: {
    schema: GraphQLSchema;
    logger: Logger;
    metrics: OperationMetrics;
    watchCast: WatchCast;
    watchAlerts: WatchAlerts;
    limits: StreamLimits;
    verifier: KeyVerifier;
  }) {
    const { schema, logger, metrics, watchCast, watchAlerts, limits } = options;
    this.#verifier = options.verifier;
    this.#logger = logger;
    const operations = new WeakMap<SseRequest, OpenOperation>();
    this.#handler = createHandler<SseRequest, undefined>({
      schema,
      execute,
      subscribe: async (args) => {
        const result = await subscribe(args);
        return Symbol.asyncIterator in result ? endWithError(result) : result;
      },
      // No stream tokens: one request is one operation.
      authenticate: () => null,
      onSubscribe: ({ raw }, parameters) => {
        const { principal, requestId, signal } = raw;
        const operation = new OpenOperation(metrics, 'sse', {
          requestId,
          ...(principal === null ? {} : { accountId: principal.accountId }),
        });
        operations.set(raw, operation);
        // The last resort: a client that goes away before its stream begins.
        signal.addEventListener('abort', () => operation.end());
        const context = createContext({ principal, requestId, watchCast, watchAlerts, signal });
        const { query, operationName, variables } = parameters;
        const prepared = prepareOperation(schema, { query, operationName, variables }, context);
        operation.name = prepared.name;
        const errors = 'args' in prepared ? takePlace(limits, operation, principal) : prepared.errors;
        if ('args' in prepared && errors.length === 0)
          return { ...prepared.args, contextValue: context as never };
        const formatted = errors.map((error) => formatError(error, logger));
        operation.note(formatted);
        operation.end();
        return refusal(formatted);
      },
      onNext: (_context, { raw }, result) => {
        const { errors, ...others } = result as ExecutionResult;
        if (errors === undefined) return undefined;
        const formatted = errors.map((error) => formatError(error, logger));
        operations.get(raw)?.note(formatted);
        return { ...others, errors: formatted as never };
      },
      onComplete: (_context, { raw }) => operations.get(raw)?.end(),
    });
  }

  async handle(request: SseRequest): Promise<SseResponse> {
    const problem = findProblem(request);
    if (problem !== null) return toResponse(refusal([formatError(problem, this.#logger)]));
    const { principal, signal, onRevoked } = request;
    if (principal !== null && !signal.aborted) {
      signal.addEventListener('abort', this.#verifier.watch(principal.keyId, onRevoked));
    }
    const response = await this.#handler({
      method: request.method,
      url: request.url,
      headers: {
        get: (name) => {
          const value = request.headers[name.toLowerCase()];
          return Array.isArray(value) ? value.join(', ') : value;
        },
      },
      body: request.body as Record<PropertyKey, unknown> | null,
      raw: request,
      context: undefined,
    });
    return toResponse(response);
  }
}

/** A stream is a connection as long as it is open, and one of the operations of its account. */
function takePlace(limits: StreamLimits, operation: OpenOperation, principal: Principal | null): AppError[] {
  const closeConnection = limits.openConnection();
  if (closeConnection === null) return [new AppError('UNAVAILABLE', 'too many streams are open, try again')];
  operation.holds(closeConnection);
  if (principal === null) return [];
  try {
    const closeOperation = limits.openOperation(principal.accountId);
    operation.holds(() => {
      closeConnection();
      closeOperation();
    });
    return [];
  } catch (error) {
    return [error as AppError];
  }
}

/** What graphql-sse would refuse in words of its own, without a code of ours. */
function findProblem({ method, url, body }: SseRequest): AppError | null {
  const fromAddress = new URL(url, 'http://localhost').searchParams.get('query');
  const fromBody =
    typeof body === 'object' && body !== null ? (body as { query?: unknown }).query : undefined;
  if (typeof (method === 'GET' ? fromAddress : fromBody) === 'string') return null;
  return new AppError('BAD_USER_INPUT', 'send a JSON object with a query, as Content-Type: application/json');
}

function toResponse([body, init]: Response): SseResponse {
  return { status: init.status, headers: init.headers ?? {}, body };
}

import {
  execute,
  subscribe,
  type ExecutionResult,
  type GraphQLFormattedError,
  type GraphQLSchema,
} from 'graphql';
import { createHandler, type Handler, type Response } from 'graphql-sse';
import type { Principal } from '../accounts/index.js';
import { ERROR_STATUS, type Logger } from '../platform/index.js';
import { createContext, type WatchCast } from './context.js';
import { formatError } from './format-error.js';
import { OperationMetrics, rootFields } from './operation-metrics.js';
import { prepareOperation } from './prepare-operation.js';

export interface SseRequest {
  method: string;
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: Record<PropertyKey, unknown> | null;
  principal: Principal | null;
  requestId: string;
}

export interface SseResponse {
  status: number;
  headers: Record<string, string>;
  body: string | AsyncGenerator<string, void, undefined> | null;
}

/** A request that never becomes a stream is answered as plain JSON, as graphql-sse does for its own refusals. */
function refusal(errors: GraphQLFormattedError[]): Response {
  const code = errors[0]?.extensions?.['code'] as keyof typeof ERROR_STATUS;
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return [JSON.stringify({ errors }), { status: ERROR_STATUS[code], statusText: code, headers }];
}

/** GraphQL over server-sent events (graphql-sse, distinct connections) for clients without WebSockets. */
export class GraphqlSseHandler {
  readonly #handler: Handler<SseRequest, undefined>;

  constructor(options: {
    schema: GraphQLSchema;
    logger: Logger;
    metrics: OperationMetrics;
    watchCast: WatchCast;
  }) {
    const { schema, logger, metrics, watchCast } = options;
    const format = (result: ExecutionResult) =>
      result.errors === undefined
        ? result
        : { ...result, errors: result.errors.map((error) => formatError(error, logger)) as never };
    this.#handler = createHandler<SseRequest, undefined>({
      schema,
      execute,
      subscribe,
      // No stream tokens: one request is one operation.
      authenticate: () => null,
      onSubscribe: ({ raw }, parameters) => {
        const startedMs = performance.now();
        const context = createContext(raw.principal, raw.requestId, watchCast);
        const { query, operationName, variables } = parameters;
        const prepared = prepareOperation(schema, { query, operationName, variables }, context);
        const operation = 'args' in prepared ? rootFields(prepared.args.document) : 'invalid';
        metrics.record(operation, 'sse', 'errors' in prepared ? ['BAD_USER_INPUT'] : [], startedMs);
        if ('errors' in prepared) return refusal(prepared.errors.map((error) => formatError(error, logger)));
        return { ...prepared.args, contextValue: context as never };
      },
      onNext: (_context, _request, result) => format(result as ExecutionResult),
    });
  }

  async handle(request: SseRequest): Promise<SseResponse> {
    const [body, init] = await this.#handler({
      method: request.method,
      url: request.url,
      headers: {
        get: (name) => {
          const value = request.headers[name.toLowerCase()];
          return Array.isArray(value) ? value.join(', ') : value;
        },
      },
      body: request.body,
      raw: request,
      context: undefined,
    });
    return { status: init.status, headers: init.headers ?? {}, body };
  }
}

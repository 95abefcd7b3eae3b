import { ApolloServer, HeaderMap, type ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { OperationTypeNode, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import type { Principal } from '../accounts/index.js';
import type { SubscriptionContext } from '../casts/index.js';
import { AppError, ERROR_STATUS, type Logger } from '../platform/index.js';
import { createContext, type WatchAlerts, type WatchCast } from './context.js';
import { formatError } from './format-error.js';
import { rootFields, type OperationMetrics } from './operation-metrics.js';
import { checkCost, parseQuery } from './query-limits.js';

export interface GraphqlHttpRequest {
  method: string;
  headers: Record<string, string | string[] | undefined>;
  /** The query string with its question mark, or nothing. */
  search: string;
  body: unknown;
  principal: Principal | null;
  requestId: string;
}

export interface GraphqlHttpResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** GraphQL over HTTP through Apollo Server, behind our limits. */
export class GraphqlHttpHandler {
  readonly #apollo: ApolloServer<SubscriptionContext>;
  readonly #logger: Logger;
  readonly #metrics: OperationMetrics;
  readonly #watchCast: WatchCast;
  readonly #watchAlerts: WatchAlerts;

  constructor(options: {
    schema: GraphQLSchema;
    logger: Logger;
    metrics: OperationMetrics;
    watchCast: WatchCast;
    watchAlerts: WatchAlerts;
  }) {
    this.#logger = options.logger;
    this.#metrics = options.metrics;
    this.#watchCast = options.watchCast;
    this.#watchAlerts = options.watchAlerts;
    this.#apollo = new ApolloServer<SubscriptionContext>({
      schema: options.schema,
      introspection: true,
      csrfPrevention: true,
      allowBatchedHttpRequests: false,
      persistedQueries: false,
      includeStacktraceInErrorResponses: false,
      stopOnTerminationSignals: false,
      logger: options.logger,
      nodeEnv: 'production',
      formatError: (_formatted, error) => formatError(error, options.logger),
      plugins: [
        limitsAndMetrics(options.schema, options.metrics),
        // It would wrap the resolver of every field, for cache headers that nothing here may have.
        ApolloServerPluginCacheControlDisabled(),
      ],
    });
  }

  async start(): Promise<void> {
    await this.#apollo.start();
  }

  async stop(): Promise<void> {
    await this.#apollo.stop();
  }

  async handle(request: GraphqlHttpRequest): Promise<GraphqlHttpResponse> {
    const startedMs = performance.now();
    try {
      checkBeforeParsing(request);
    } catch (error) {
      return this.#refuse(error, startedMs);
    }
    const headers = new HeaderMap();
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
    }
    const { method, search, body, principal, requestId } = request;
    const response = await this.#apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method, headers, search, body },
      context: () =>
        Promise.resolve(
          createContext({ principal, requestId, watchCast: this.#watchCast, watchAlerts: this.#watchAlerts }),
        ),
    });
    // We define no @defer, so an answer is always whole.
    const text = response.body.kind === 'complete' ? response.body.string : '';
    return {
      status: statusOf(response.status, text),
      headers: Object.fromEntries(response.headers),
      body: text,
    };
  }

  /** A GraphQL answer for a request that never becomes an operation. */
  #refuse(error: unknown, startedMs: number): GraphqlHttpResponse {
    const formatted = formatError(error, this.#logger);
    const code = formatted.extensions?.['code'] as keyof typeof ERROR_STATUS;
    this.#metrics.record('invalid', 'http', [code], startedMs);
    return {
      status: ERROR_STATUS[code],
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({ errors: [formatted] }),
    };
  }
}

/** Refuses what must not even reach graphql-js: batches, and texts beyond the limits. */
function checkBeforeParsing(request: GraphqlHttpRequest): void {
  const { body } = request;
  if (Array.isArray(body))
    throw new AppError('QUERY_REFUSED', 'batches are not accepted: send one operation a request');
  const fromBody =
    typeof body === 'object' && body !== null ? (body as { query?: unknown }).query : undefined;
  const query = fromBody ?? new URLSearchParams(request.search).get('query') ?? undefined;
  if (typeof query === 'string') parseQuery(query);
}

function notHere(): AppError {
  return new AppError(
    'BAD_USER_INPUT',
    'subscriptions need a WebSocket, or Accept: text/event-stream for server-sent events',
  );
}

/** A request that was refused before execution keeps its own status; Apollo says 500 where it cannot know. */
function statusOf(status: number | undefined, body: string): number {
  // Apollo answers a persisted query that it does not know with 200, though nothing was executed: there is no data.
  const isRefusal = body.startsWith('{"errors"') && !('data' in (JSON.parse(body) as object));
  if ((status === undefined || status === 200) && !isRefusal) return 200;
  const [first] = (JSON.parse(body) as { errors?: GraphQLFormattedError[] }).errors ?? [];
  const code = first?.extensions?.['code'] as keyof typeof ERROR_STATUS | undefined;
  return code === undefined ? (status ?? 200) : ERROR_STATUS[code];
}

function limitsAndMetrics(
  schema: GraphQLSchema,
  metrics: OperationMetrics,
): ApolloServerPlugin<SubscriptionContext> {
  return {
    requestDidStart: () => {
      const startedMs = performance.now();
      let operation = 'invalid';
      return Promise.resolve({
        didResolveOperation: ({ document, request, operationName, operation: definition }) => {
          operation = rootFields(document);
          if (definition?.operation === OperationTypeNode.SUBSCRIPTION) throw notHere();
          checkCost(schema, document, request.variables, operationName);
          return Promise.resolve();
        },
        willSendResponse: ({ response }) => {
          const errors = response.body.kind === 'single' ? (response.body.singleResult.errors ?? []) : [];
          const codes = errors.map((error) => String(error.extensions?.['code']));
          metrics.record(operation, 'http', codes, startedMs);
          return Promise.resolve();
        },
      });
    },
  };
}

export { buildGraphqlSchema, type Resolvers } from './build-schema.js';
export { GraphqlHttpHandler, type GraphqlHttpRequest, type GraphqlHttpResponse } from './http-handler.js';
export { GraphqlSockets } from './sockets.js';
export { GraphqlSseHandler, type SseRequest, type SseResponse } from './sse-handler.js';
export { NodeResolver, type FindNode } from './node.resolver.js';
export { StreamLimits } from './stream-limits.js';
export { OperationMetrics } from './operation-metrics.js';
export { graphiqlPage } from './graphiql-page.js';
export type { WatchAlerts, WatchCast } from './context.js';

import { Readable } from 'node:stream';
import type { Principal } from '../accounts/index.js';
import type { App } from './server.js';

interface EdgeRequest {
  method: string;
  headers: Record<string, string | string[] | undefined>;
  principal: Principal | null;
  requestId: string;
}

/** What this edge needs of the GraphQL edge; `app.ts` hands it over. */
export interface GraphqlDeps {
  handle(request: EdgeRequest & { search: string; body: unknown }): Promise<EdgeResponse>;
  handleSse(request: SseEdgeRequest): Promise<SseEdgeResponse>;
  page(): string;
}

interface EdgeResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

interface SseEdgeRequest extends EdgeRequest {
  url: string;
  body: unknown;
  signal: AbortSignal;
  onRevoked: () => void;
}

interface SseEdgeResponse {
  status: number;
  headers: Record<string, string>;
  body: string | AsyncGenerator<string, void, undefined> | null;
}

// The page carries its own scripts and styles inline and starts its editors' workers from blobs; it loads nothing.
const PAGE_POLICY =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; " +
  "img-src data: blob:; font-src data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** GraphQL on one address: queries and mutations over HTTP, streams over SSE, a page for browsers. Sockets come by upgrade. */
export function registerGraphqlRoutes(app: App, graphql: GraphqlDeps): void {
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    schema: { hide: true },
    handler: async (request, reply) => {
      const { method, headers, principal, requestId } = request;
      const accept = headers.accept ?? '';
      if (method === 'GET' && accept.includes('text/html')) {
        return reply
          .header('content-security-policy', PAGE_POLICY)
          .type('text/html; charset=utf-8')
          .send(graphql.page());
      }
      const edge = { method, headers, principal, requestId };
      if (accept.includes('text/event-stream')) {
        const left = new AbortController();
        reply.raw.on('close', () => left.abort());
        if (reply.raw.destroyed) left.abort();
        const { url, body } = request;
        const onRevoked = () => void reply.raw.destroy();
        const response = await graphql.handleSse({ ...edge, url, body, signal: left.signal, onRevoked });
        reply.code(response.status).headers(response.headers);
        if (response.body === null || typeof response.body === 'string') return reply.send(response.body);
        const stream = Readable.from(response.body, { objectMode: false });
        reply.raw.on('close', () => stream.destroy());
        return reply.header('x-accel-buffering', 'no').send(stream);
      }
      const at = request.url.indexOf('?');
      const search = at === -1 ? '' : request.url.slice(at);
      const response = await graphql.handle({ ...edge, search, body: request.body });
      return reply.code(response.status).headers(response.headers).send(response.body);
    },
  });
}

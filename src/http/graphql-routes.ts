import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
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
  page(): Promise<EdgePage>;
}

interface EdgePage {
  tag: string;
  encodings: Readonly<Record<'br' | 'gzip' | 'identity', Buffer>>;
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
        return sendPage(await graphql.page(), request, reply);
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

/** Nine megabytes, and the same until the next deployment: sent compressed, and only to browsers that do not have it. */
function sendPage(page: EdgePage, { headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const accepted = headers['accept-encoding'] ?? '';
  const encoding = (['br', 'gzip'] as const).find((name) => accepts(accepted, name)) ?? 'identity';
  // One tag for each form: they are different bytes.
  const tag = `"${page.tag}-${encoding}"`;
  void reply
    .header('content-security-policy', PAGE_POLICY)
    .header('cache-control', 'no-cache')
    .header('vary', 'accept, accept-encoding')
    .header('etag', tag);
  if (headers['if-none-match']?.includes(tag) === true) return reply.code(304).send();
  if (encoding !== 'identity') void reply.header('content-encoding', encoding);
  return reply.type('text/html; charset=utf-8').send(page.encodings[encoding]);
}

function accepts(accepted: string, name: string): boolean {
  return accepted.split(',').some((part) => {
    const [encoding, weight] = part.split(';').map((text) => text.trim());
    return encoding === name && !/^q=0(\.0*)?$/.test(weight ?? '');
  });
}

import { createApiKey, listApiKeys, revokeApiKey, type ApiKeyEntity, type KeyDeps } from '../keys/index.js';
import { parsePage, toConnection } from '../platform/index.js';
import type { App } from './server.js';

const tags = ['keys'];

const keySchema = {
  type: 'object',
  required: ['id', 'prefix', 'name', 'scopes', 'created_at', 'expires_at', 'last_used_at', 'revoked_at'],
  properties: {
    id: { type: 'string', format: 'uuid' },
    prefix: { type: 'string' },
    name: { type: 'string' },
    scopes: { type: 'array', items: { type: 'string', enum: ['cast', 'publish', 'read', 'admin'] } },
    created_at: { type: 'string', format: 'date-time' },
    expires_at: { type: ['string', 'null'], format: 'date-time' },
    last_used_at: { type: ['string', 'null'], format: 'date-time' },
    revoked_at: { type: ['string', 'null'], format: 'date-time' },
  },
};

interface CreateKeyBody {
  name: string;
  scopes: string[];
  expires_at?: string | null;
}

export function registerKeyRoutes(app: App, deps: KeyDeps): void {
  app.post<{ Body: CreateKeyBody }>(
    '/v1/keys',
    {
      schema: {
        summary: 'Issue an API key. Its secret is in the answer and nowhere else.',
        tags,
        body: {
          type: 'object',
          required: ['name', 'scopes'],
          additionalProperties: false,
          properties: {
            name: { type: 'string' },
            scopes: { type: 'array', maxItems: 10, items: { type: 'string' } },
            expires_at: { type: ['string', 'null'], format: 'date-time' },
          },
        },
        response: {
          201: {
            type: 'object',
            required: ['key', 'secret'],
            properties: { key: keySchema, secret: { type: 'string' } },
          },
        },
      },
    },
    async (request, reply) => {
      const { name, scopes, expires_at: expires } = request.body;
      const expiresAt = expires == null ? null : new Date(expires);
      const issued = await createApiKey(deps, request.principal, { name, scopes, expiresAt });
      return reply.code(201).send({ key: toJson(issued.apiKey), secret: issued.secret });
    },
  );

  app.get<{ Querystring: { first?: number; after?: string } }>(
    '/v1/keys',
    {
      schema: {
        summary: 'List the account’s API keys, newest first.',
        tags,
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: { first: { type: 'integer', minimum: 1, maximum: 100 }, after: { type: 'string' } },
        },
        response: {
          200: {
            type: 'object',
            required: ['keys', 'next'],
            properties: { keys: { type: 'array', items: keySchema }, next: { type: ['string', 'null'] } },
          },
        },
      },
    },
    async (request) => {
      const page = parsePage(request.query.first, request.query.after);
      const { edges, pageInfo } = toConnection(
        await listApiKeys(deps, request.principal, page),
        page,
        toJson,
      );
      return { keys: edges.map((edge) => edge.node), next: pageInfo.hasNextPage ? pageInfo.endCursor : null };
    },
  );

  app.delete<{ Params: { prefix: string } }>(
    '/v1/keys/:prefix',
    {
      schema: {
        summary: 'Revoke an API key everywhere, within 5 seconds.',
        tags,
        params: { type: 'object', required: ['prefix'], properties: { prefix: { type: 'string' } } },
        response: { 200: { type: 'object', required: ['key'], properties: { key: keySchema } } },
      },
    },
    async (request) => ({ key: toJson(await revokeApiKey(deps, request.principal, request.params)) }),
  );
}

function toJson(key: ApiKeyEntity) {
  return {
    id: key.id,
    prefix: key.prefix,
    name: key.name,
    scopes: key.scopes,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
  };
}

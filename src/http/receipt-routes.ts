import { requireScope } from '../accounts/index.js';
import { describeReceipt, findCast, issueReceipts, type CastDeps } from '../casts/index.js';
import { canonicalJson } from '../ledger/index.js';
import { isId, notFound } from '../platform/index.js';
import type { App } from './server.js';

// It changes with a release of the server only.
const FOR_A_WHILE = 'public, max-age=300';

export function registerReceiptRoutes(app: App, deps: CastDeps): void {
  app.get<{ Params: { id: string } }>(
    '/v1/casts/:id/receipt',
    {
      schema: {
        summary: 'The receipt of one of your casts; 404 until it stands in the ledger.',
        description: 'Canonical JSON (RFC 8785) as in /v1/receipt.schema.json: a file for `spell verify`.',
        tags: ['casts'],
        params: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
      },
    },
    async (request, reply) => {
      const { accountId } = requireScope(request.principal, 'cast', 'read');
      const { id } = request.params;
      const cast = isId(id) ? await findCast(deps.database, accountId, id) : null;
      if (cast === null) throw notFound('cast');
      const [receipt] = await issueReceipts(deps, accountId, [cast.id]);
      if (receipt === null || receipt === undefined) throw notFound('receipt');
      return reply.type('application/json; charset=utf-8').send(canonicalJson(receipt));
    },
  );

  const schema = JSON.stringify(describeReceipt());
  app.get(
    '/v1/receipt.schema.json',
    { schema: { summary: 'The JSON Schema of receipts.', tags: ['casts'], security: [] } },
    async (_request, reply) =>
      reply.type('application/schema+json').header('cache-control', FOR_A_WHILE).send(schema),
  );
}

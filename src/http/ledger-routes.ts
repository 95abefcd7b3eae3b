import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyReply } from 'fastify';
import { parseTilePath, readBundle, readKeys, readTile, signedCheckpoint } from '../ledger/index.js';
import { notFound, type DataSource } from '../platform/index.js';
import type { App } from './server.js';

// The log is for everybody: no key is asked for.
const open = { security: [], tags: ['ledger'] };
const OCTETS = 'application/octet-stream';
const TEXT = 'text/plain; charset=utf-8';
// What a tile or bundle of a name holds never changes; a year is as long as caches know.
const FOR_EVER = 'public, max-age=31536000, immutable';
const FOR_A_MOMENT = 'public, max-age=1';
const FOR_A_WHILE = 'public, max-age=300';

const compress = promisify(gzip);

/** Public files: pages of any origin may read them, as C2SP tlog-tiles wants it for verifiers that run in a browser. */
function toEverybody(reply: FastifyReply): FastifyReply {
  return reply
    .removeHeader('access-control-allow-credentials')
    .header('access-control-allow-origin', '*')
    .header('cross-origin-resource-policy', 'cross-origin');
}

/** The log as static files (C2SP tlog-tiles): whoever copies them can verify all of it without asking again. */
export function registerLedgerRoutes(app: App, deps: { database: DataSource }): void {
  app.get(
    '/v1/ledger/checkpoint',
    { schema: { ...open, summary: 'The newest checkpoint of the ledger (C2SP tlog-checkpoint).' } },
    async (_request, reply) => {
      const { note } = await signedCheckpoint(deps);
      return toEverybody(reply).type(TEXT).header('cache-control', FOR_A_MOMENT).send(note);
    },
  );

  app.get<{ Params: { '*': string } }>(
    '/v1/ledger/tile/*',
    {
      schema: {
        ...open,
        summary:
          'A tile of hashes, <level>/<index>[.p/<width>], or a bundle of entries, entries/<index>[.p/<width>].',
        params: { type: 'object', properties: { '*': { type: 'string' } } },
      },
    },
    async (request, reply) => {
      const tile = parseTilePath(`tile/${request.params['*']}`);
      if (tile === null) throw notFound('tile');
      const { level, index, width } = tile;
      const bytes =
        level === 'entries'
          ? await readBundle(deps.database, index, width)
          : await readTile(deps.database, { level, index, width });
      if (bytes === null) throw notFound('tile');
      toEverybody(reply).type(OCTETS).header('cache-control', FOR_EVER);
      // Entries are much alike and shrink to a third; hashes do not shrink.
      if (level !== 'entries') return reply.send(bytes);
      reply.header('vary', 'accept-encoding');
      if (!/\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))/i.test(request.headers['accept-encoding'] ?? ''))
        return reply.send(bytes);
      return reply.header('content-encoding', 'gzip').send(await compress(bytes));
    },
  );

  app.get(
    '/v1/ledger/keys',
    { schema: { ...open, summary: 'Every key that ever signed for the ledger, with its time.' } },
    async (_request, reply) => {
      const keys = await readKeys(deps.database);
      return toEverybody(reply)
        .header('cache-control', FOR_A_WHILE)
        .send({
          keys: keys.map((key) => ({
            verifier_key: key.verifierKey,
            key_id: key.keyId,
            added_at: key.addedAt.toISOString(),
            added_size: key.addedSize,
            retired_at: key.retiredAt?.toISOString() ?? null,
            retired_size: key.retiredSize,
          })),
        });
    },
  );
}

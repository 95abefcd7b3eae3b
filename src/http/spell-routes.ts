import type { IncomingMessage } from 'node:http';
import { requireScope } from '../accounts/index.js';
import {
  PACKAGE_BYTES_MAX,
  publishSpell,
  readSbom,
  recordUpload,
  type SpellDeps,
  type UploadQuota,
} from '../spells/index.js';
import { badInput, type Clock } from '../platform/index.js';
import type { App } from './server.js';

const tags = ['spells'];

interface PublishBody {
  package_base64?: string;
  upload_digest?: string;
  bundle?: unknown;
}

export function registerSpellRoutes(
  app: App,
  deps: SpellDeps & { clock: Clock; uploads: UploadQuota },
): void {
  // In a scope of its own, because only here a body is a stream of bytes.
  void app.register(async (scope) => {
    // Uploads are read as a stream by the operation; everything else is JSON.
    scope.addContentTypeParser(
      ['application/octet-stream', 'application/x-tar'],
      { bodyLimit: PACKAGE_BYTES_MAX },
      (_request: unknown, payload: IncomingMessage, done: (error: null, body: IncomingMessage) => void) =>
        done(null, payload),
    );

    scope.put<{ Params: { digest: string }; Body: unknown }>(
      '/v1/uploads/:digest',
      {
        schema: {
          summary: 'Upload a package (up to 64 MiB) under its digest, to publish it afterwards.',
          description: 'The body is the raw package, Content-Type application/octet-stream.',
          tags,
          params: {
            type: 'object',
            required: ['digest'],
            properties: { digest: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' } },
          },
          response: {
            201: {
              type: 'object',
              required: ['digest', 'size_bytes'],
              properties: { digest: { type: 'string' }, size_bytes: { type: 'integer' } },
            },
          },
        },
      },
      async (request, reply) => {
        requireScope(request.principal, 'publish');
        if (!isStream(request.body)) {
          const reason = 'send the raw package with Content-Type: application/octet-stream';
          throw badInput([{ path: 'body', reason }]);
        }
        const upload = await recordUpload(deps, request.principal, {
          digest: request.params.digest,
          bytes: request.body,
        });
        return reply.code(201).send({ digest: upload.digest, size_bytes: upload.sizeBytes });
      },
    );
  });

  app.post<{ Body: PublishBody }>(
    '/v1/spells',
    {
      schema: {
        summary: 'Publish a package.',
        tags,
        body: {
          type: 'object',
          additionalProperties: false,
          properties: {
            package_base64: { type: 'string' },
            upload_digest: { type: 'string' },
            bundle: { description: 'The Sigstore bundle that signs the package.' },
          },
        },
        response: {
          201: {
            type: 'object',
            required: ['key', 'version', 'package_digest', 'module_digest', 'warnings'],
            properties: {
              key: { type: 'string' },
              version: { type: 'string' },
              package_digest: { type: 'string' },
              module_digest: { type: 'string' },
              warnings: { type: 'array', items: { type: 'string' } },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const { package_base64: packageBase64, upload_digest: uploadDigest, bundle } = request.body;
      const published = await publishSpell(deps, request.principal, { packageBase64, uploadDigest, bundle });
      deps.versions.forget();
      return reply.code(201).send({
        key: published.spell.key,
        version: published.version.version,
        package_digest: published.version.packageDigest,
        module_digest: published.version.moduleDigest,
        warnings: published.warnings,
      });
    },
  );

  app.get<{ Params: { key: string } }>(
    '/v1/spells/:key/sbom',
    {
      schema: {
        summary: 'The SBOM of a spell: SPDX or CycloneDX JSON, as its maker wrote it.',
        tags,
        params: {
          type: 'object',
          required: ['key'],
          properties: { key: { type: 'string', description: 'A key, key@version or key@range.' } },
        },
      },
    },
    async (request, reply) => {
      const sbom = await readSbom(deps, request.principal, request.params.key);
      return reply.type(sbom.mediaType).header('x-spell-version', sbom.version).send(sbom.bytes);
    },
  );
}

function isStream(body: unknown): body is AsyncIterable<Buffer> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

import { requireScope } from '../accounts/index.js';
import {
  cancelCast,
  findArtifact,
  findCast,
  isFinal,
  loadOutputs,
  requestCast,
  toJsonOutput,
  watchCast,
  type CastDeps,
  type CastEntity,
} from '../casts/index.js';
import {
  castFieldOf,
  describeLimit,
  RUN_LIMITS,
  type CastLimitValues,
  type RunLimitField,
} from '../limits/index.js';
import { badInput, isId, notFound, type BlobStore } from '../platform/index.js';
import { DownloadSlots, endWhenStalled } from './downloads.js';
import { withExactNumbers } from './exact-numbers.js';
import type { App } from './server.js';

export type CastRouteDeps = CastDeps & { blobs: BlobStore };

interface CastBody {
  spell_name: string;
  payload?: unknown;
  payload_base64?: string;
  end_user?: string;
  idempotency_key?: string;
  max_cost_micros?: string | number;
  limits?: { [Field in Exclude<RunLimitField, 'max_fuel'>]?: number } & { max_fuel?: string | number };
}

// A request is held open at most this long; who casts longer spells asks for 202.
const WAIT_MAX_MS = 60_000;

const tags = ['casts'];

// Beyond 2^53 a number of JSON is not what was written.
const decimal = {
  type: ['string', 'integer'],
  pattern: '^[0-9]{1,19}$',
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
};

const limitProperties = Object.fromEntries(
  RUN_LIMITS.map((row) => {
    const type = row.field === 'max_fuel' ? decimal : { type: 'integer', minimum: row.least };
    return [row.field, { ...type, description: describeLimit(castFieldOf(row)) }];
  }),
);

const castSchema = {
  type: 'object',
  required: [
    'id',
    'status',
    'result',
    'error',
    'cost_micros',
    'cost_cents',
    'attempts',
    'queued_at',
    'finished_at',
  ],
  properties: {
    id: { type: 'string', format: 'uuid' },
    status: { type: 'string', enum: ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED'] },
    result: { description: 'The output: JSON for json, a string for text, null otherwise.' },
    result_base64: { type: ['string', 'null'] },
    artifact: {
      type: ['object', 'null'],
      properties: {
        url: { type: 'string' },
        digest: { type: 'string' },
        size_bytes: { type: 'integer' },
        expires_at: { type: 'string', format: 'date-time' },
      },
    },
    error: {
      type: ['object', 'null'],
      properties: { code: { type: 'string' }, message: { type: 'string' } },
    },
    fuel_used: { type: ['string', 'null'], description: 'Decimal.' },
    memory_peak_bytes: { type: ['string', 'null'], description: 'Decimal.' },
    duration_ms: { type: ['integer', 'null'] },
    held_micros: { type: 'string', description: 'Decimal.' },
    cost_micros: { type: ['string', 'null'], description: 'Decimal.' },
    cost_cents: { type: ['string', 'null'], description: 'Whole cents, rounded up.' },
    attempts: { type: 'integer' },
    queued_at: { type: 'string', format: 'date-time' },
    started_at: { type: ['string', 'null'], format: 'date-time' },
    finished_at: { type: ['string', 'null'], format: 'date-time' },
  },
};

const idParams = { type: 'object', required: ['id'], properties: { id: { type: 'string' } } };

export function registerCastRoutes(app: App, deps: CastRouteDeps): void {
  withExactNumbers(app, [['max_cost_micros'], ['limits', 'max_fuel']], (scope) => addRoutes(scope, deps));
}

function addRoutes(app: App, deps: CastRouteDeps): void {
  app.post<{ Body: CastBody }>(
    '/v1/cast',
    {
      schema: {
        summary: 'Cast a spell and wait for its end; with Prefer: respond-async, do not wait.',
        tags,
        headers: {
          type: 'object',
          properties: {
            prefer: { type: 'string' },
            'idempotency-key': { type: 'string', minLength: 1, maxLength: 255 },
          },
        },
        body: {
          type: 'object',
          required: ['spell_name'],
          additionalProperties: false,
          properties: {
            spell_name: { type: 'string', maxLength: 256, description: 'A key, key@version or key@range.' },
            payload: {
              description:
                'The input: any JSON for a spell that takes json, a string for one that takes text.',
            },
            payload_base64: { type: 'string', description: 'The input as bytes, instead of payload.' },
            end_user: { type: 'string' },
            idempotency_key: {
              type: 'string',
              minLength: 1,
              maxLength: 255,
              description: 'Like the header Idempotency-Key; when both are given they must be equal.',
            },
            max_cost_micros: decimal,
            limits: {
              type: 'object',
              additionalProperties: false,
              description: 'Limits below those of the manifest. A limit cannot be raised.',
              properties: limitProperties,
            },
          },
        },
        response: { 200: castSchema, 202: castSchema },
      },
    },
    async (request, reply) => {
      const cast = await requestCast(
        deps,
        request.principal,
        toRequest(request.body, request.headers['idempotency-key']),
      );
      const prefersAsync = /(^|,)\s*respond-async\s*(,|;|$)/i.test(String(request.headers.prefer ?? ''));
      const ended =
        prefersAsync || isFinal(cast.status) ? cast : await waitForEnd(deps, request.principal, cast);
      const body = await toJson(deps, ended);
      if (isFinal(ended.status)) return reply.code(200).send(body);
      return reply.code(202).header('location', `/v1/casts/${ended.id}`).send(body);
    },
  );

  app.get<{ Params: { id: string } }>(
    '/v1/casts/:id',
    { schema: { summary: 'One of your casts.', tags, params: idParams, response: { 200: castSchema } } },
    async (request) => {
      const { accountId } = requireScope(request.principal, 'cast', 'read');
      const { id } = request.params;
      const cast = isId(id) ? await findCast(deps.database, accountId, id) : null;
      if (cast === null) throw notFound('cast');
      return toJson(deps, cast);
    },
  );

  app.post<{ Params: { id: string } }>(
    '/v1/casts/:id/cancel',
    {
      schema: {
        summary: 'Stop a cast, queued or running.',
        tags,
        params: idParams,
        response: { 200: castSchema },
      },
    },
    async (request) => toJson(deps, await cancelCast(deps, request.principal, request.params)),
  );

  const slots = new DownloadSlots();
  app.get<{ Params: { id: string }; Querystring: { expires: number; signature: string } }>(
    '/v1/artifacts/:id',
    {
      schema: {
        summary: 'Download an artifact by the address that its cast shows.',
        tags,
        security: [],
        params: idParams,
        querystring: {
          type: 'object',
          required: ['expires', 'signature'],
          properties: { expires: { type: 'integer' }, signature: { type: 'string' } },
        },
      },
    },
    async (request, reply) => {
      const { expires, signature } = request.query;
      const { cast, digest } = await findArtifact(deps, { castId: request.params.id, expires, signature });
      slots.take(cast.accountId, reply.raw);
      const { bytes, size } = await deps.blobs.openStream(digest);
      return reply
        .type('application/octet-stream')
        .header('content-length', size)
        .header('content-disposition', `attachment; filename="${cast.id}"`)
        .header('x-content-digest', digest)
        .send(endWhenStalled(bytes, reply.raw));
    },
  );
}

function toRequest(body: CastBody, idempotencyKey: string | string[] | undefined) {
  const { limits } = body;
  if (Array.isArray(idempotencyKey))
    throw badInput([{ path: 'idempotency-key', reason: 'must be given once' }]);
  if (
    body.idempotency_key !== undefined &&
    idempotencyKey !== undefined &&
    body.idempotency_key !== idempotencyKey
  )
    throw badInput([{ path: 'idempotencyKey', reason: 'differs from the header Idempotency-Key' }]);
  return {
    spell: body.spell_name,
    input: body.payload,
    inputBase64: body.payload_base64,
    endUser: body.end_user,
    idempotencyKey: idempotencyKey ?? body.idempotency_key,
    maxCostMicros: toBigInt(body.max_cost_micros),
    limits: limits && toLimitValues(limits),
  };
}

function toLimitValues({ max_fuel, ...others }: NonNullable<CastBody['limits']>): CastLimitValues {
  const values = Object.entries(others).map(([field, value]) => [
    castFieldOf({ field: field as RunLimitField }),
    value,
  ]);
  return { ...Object.fromEntries(values), maxFuel: toBigInt(max_fuel) } as CastLimitValues;
}

function toBigInt(value: string | number | undefined): bigint | null {
  return value === undefined ? null : BigInt(value);
}

async function waitForEnd(
  deps: CastDeps,
  principal: Parameters<typeof watchCast>[1],
  cast: CastEntity,
): Promise<CastEntity> {
  const signal = AbortSignal.timeout(WAIT_MAX_MS);
  for await (const event of await watchCast(deps, principal, { castId: cast.id, after: '0-1', signal })) {
    if (event.type !== 'finished') continue;
    if (event.cast !== null) return event.cast;
    break;
  }
  return (await findCast(deps.database, cast.accountId, cast.id)) ?? cast;
}

const MICROS_PER_CENT = 10_000n;

async function toJson(deps: CastRouteDeps, cast: CastEntity) {
  const { version } = await deps.versions.byId(cast.spellVersionId);
  const isInline = cast.outputBytes !== null && !cast.outputIsArtifact;
  const [output] = isInline ? await loadOutputs(deps.database, [cast.id]) : [null];
  const cents = cast.costMicros === null ? null : (cast.costMicros + MICROS_PER_CENT - 1n) / MICROS_PER_CENT;
  return {
    id: cast.id,
    status: cast.status,
    result: output ? toJsonOutput(version.manifest.io.output_format, output) : null,
    result_base64: output?.toString('base64') ?? null,
    artifact: toArtifact(deps, cast),
    error: cast.errorCode === null ? null : { code: cast.errorCode, message: cast.errorMessage ?? '' },
    fuel_used: cast.fuelUsed?.toString() ?? null,
    memory_peak_bytes: cast.memoryPeakBytes?.toString() ?? null,
    duration_ms: cast.durationMs,
    held_micros: cast.heldMicros.toString(),
    cost_micros: cast.costMicros?.toString() ?? null,
    cost_cents: cents?.toString() ?? null,
    attempts: cast.attempts,
    queued_at: cast.queuedAt.toISOString(),
    started_at: cast.startedAt?.toISOString() ?? null,
    finished_at: cast.finishedAt?.toISOString() ?? null,
  };
}

function toArtifact(deps: CastDeps, cast: CastEntity) {
  if (!cast.outputIsArtifact || cast.outputBytes === null) return null;
  const { url, expiresAt } = deps.links.create(cast.id);
  return {
    url,
    digest: cast.outputDigest,
    size_bytes: Number(cast.outputBytes),
    expires_at: expiresAt.toISOString(),
  };
}

import { STATUS_CODES } from 'node:http';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import fastifySwagger from '@fastify/swagger';
import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Principal } from '../accounts/index.js';
import type { KeyVerifier } from '../keys/index.js';
import {
  AppError,
  Histogram,
  LATENCY_BUCKETS_S,
  inRequestScope,
  newId,
  requestScope,
  type Clock,
  type Logger,
  type Registry,
} from '../platform/index.js';
import { compileValidator } from './compile-validator.js';
import { endConnectionsOnStop } from './end-connections.js';
import type { Origins } from './origins.js';
import { registerJsonBodies } from './json-body.js';
import { PROBLEM_MEDIA_TYPE, toGraphqlError, toProblem } from './problems.js';

export type App = FastifyInstance;

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
    requestId: string;
    startedMs: number;
  }
}

export interface ServerOptions {
  verifier: KeyVerifier;
  clock: Clock;
  logger: Logger;
  registry: Registry;
  origins: Origins;
  version: string;
}

// Bodies by who sends them: a stranger has nothing large to say, and only a maker sends packages.
const STRANGER_BODY_BYTES_MAX = 64 * 1024;
const CASTER_BODY_BYTES_MAX = 12 * 1024 * 1024;
export const BODY_BYTES_MAX = 90 * 1024 * 1024;
const HEADERS_WITHIN_MS = 10_000;
const REQUEST_WITHIN_MS = 120_000;

/** The HTTP server before its routes: identity, limits, logs, metrics, headers and errors of every request. */
export async function createHttpServer(options: ServerOptions): Promise<App> {
  const { logger, registry, origins } = options;
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_WITHIN_MS,
    // endConnectionsOnStop does it, and tells answers that are on their way from streams.
    forceCloseConnections: false,
    keepAliveTimeout: 75_000,
    http: { headersTimeout: HEADERS_WITHIN_MS, maxHeaderSize: 16 * 1024 },
    logController: new LogController({ disableRequestLogging: true }),
    loggerInstance: logger as unknown as FastifyBaseLogger,
    routerOptions: { maxParamLength: 300 },
    genReqId: () => newId(options.clock),
    // A bad address is refused before any hook runs, hence without the scope of a request.
    frameworkErrors: (error, request, reply) => {
      const { problem } = toProblem(fromFastify(error));
      void (reply as FastifyReply)
        .code(problem.status)
        .header('x-request-id', request.id)
        .type(PROBLEM_MEDIA_TYPE)
        .send(JSON.stringify({ ...problem, requestId: request.id }));
    },
  }) as unknown as App;
  app.setValidatorCompiler(compileValidator);
  endConnectionsOnStop(app);
  registerJsonBodies(app);
  const seconds = new Histogram({
    name: 'spell_http_request_seconds',
    help: 'Time of HTTP requests by route, method and status, seconds.',
    labelNames: ['route', 'method', 'status'],
    buckets: LATENCY_BUCKETS_S,
    registers: [registry],
  });
  app.decorateRequest('principal', null);
  app.decorateRequest('requestId', '');
  app.decorateRequest('startedMs', 0);
  await app.register(helmet, {
    contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  });
  await app.register(cors, {
    origin: (origin, callback) => callback(null, origin === undefined || origins.isListed(origin)),
    methods: ['GET', 'POST', 'PUT', 'DELETE'],
    exposedHeaders: ['x-request-id', 'location', 'retry-after'],
    maxAge: 600,
  });
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Spell Platform',
        version: options.version,
        description: 'The REST edge. Each route calls the same operation as its GraphQL mutation or query.',
      },
      components: {
        securitySchemes: {
          apiKey: {
            type: 'http',
            scheme: 'bearer',
            description: 'An API key: Authorization: Bearer spell_…',
          },
        },
      },
      security: [{ apiKey: [] }],
    },
  });
  app.addHook('onRequest', (request, reply, done) => {
    request.requestId = request.id;
    request.startedMs = performance.now();
    reply.header('x-request-id', request.id);
    inRequestScope({ requestId: request.id }, done);
  });
  app.addHook('onRequest', async (request) => {
    request.principal = await authenticate(options.verifier, request);
    const scope = requestScope();
    if (scope !== undefined && request.principal !== null) scope.accountId = request.principal.accountId;
    checkDeclaredLength(request);
    if (request.principal === null && needsKey(request))
      throw new AppError('UNAUTHENTICATED', 'a valid API key is needed');
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const latencyMs = Math.round((performance.now() - request.startedMs) * 10) / 10;
    seconds.observe({ route, method: request.method, status: reply.statusCode }, latencyMs / 1_000);
    logger.info(
      { operation: `${request.method} ${route}`, status: reply.statusCode, latencyMs },
      'http request',
    );
    done();
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { problem, headers, error: shown } = toProblem(fromFastify(error));
    if (problem.status >= 500)
      logger.error({ err: shown.cause ?? error, route: request.routeOptions.url }, 'http request failed');
    reply.code(problem.status).headers(headers);
    if (request.url.startsWith('/graphql')) return reply.send({ errors: [toGraphqlError(problem)] });
    return reply.type(PROBLEM_MEDIA_TYPE).send(JSON.stringify(problem));
  });
  app.setNotFoundHandler((_request, reply) => {
    const { problem } = toProblem(new AppError('NOT_FOUND', 'there is nothing at this address'));
    return reply.code(problem.status).type(PROBLEM_MEDIA_TYPE).send(JSON.stringify(problem));
  });
  return app;
}

/** Every route of the REST edge that does not say otherwise; asked before its body is looked at. */
function needsKey(request: FastifyRequest): boolean {
  const { url, schema } = request.routeOptions;
  if (url?.startsWith('/v1/') !== true) return false;
  const { security, hide } = (schema ?? {}) as { security?: unknown[]; hide?: boolean };
  return hide !== true && security?.length !== 0;
}

/** Null without a token. A token that is not valid is refused here, whatever was asked for. */
async function authenticate(verifier: KeyVerifier, request: FastifyRequest): Promise<Principal | null> {
  const { authorization } = request.headers;
  if (authorization === undefined) return null;
  const [, token] = /^Bearer (\S+)$/i.exec(authorization) ?? [];
  const principal = token === undefined ? null : await verifier.verify(token);
  if (principal === null) throw new AppError('UNAUTHENTICATED', 'a valid API key is needed');
  return principal;
}

function checkDeclaredLength(request: FastifyRequest): void {
  const { principal, headers } = request;
  const declared = headers['content-length'];
  const isChunked = headers['transfer-encoding'] !== undefined;
  const maxBytes = bodyBytesMax(principal);
  // Without a declared length only a maker may send, up to the limit of the server itself.
  if (Number(declared ?? 0) > maxBytes || (isChunked && maxBytes < BODY_BYTES_MAX)) {
    throw new AppError('PAYLOAD_TOO_LARGE', `the body must declare its length, at most ${maxBytes} bytes`);
  }
}

function bodyBytesMax(principal: Principal | null): number {
  if (principal === null) return STRANGER_BODY_BYTES_MAX;
  const isMaker = principal.scopes.includes('publish') || principal.scopes.includes('admin');
  return isMaker ? BODY_BYTES_MAX : CASTER_BODY_BYTES_MAX;
}

/** What Fastify itself says of a request, in our catalogue. */
function fromFastify(error: FastifyError): unknown {
  if (error instanceof AppError || error.statusCode === undefined || error.statusCode >= 500) return error;
  if (error.statusCode === 413) return new AppError('PAYLOAD_TOO_LARGE', 'the body is too large');
  const problems = error.validation?.map(({ instancePath, message }) => ({
    path: `${error.validationContext ?? 'body'}${instancePath}`,
    reason: message ?? 'is not valid',
  }));
  const text = error.message || STATUS_CODES[error.statusCode] || 'bad request';
  return new AppError('BAD_USER_INPUT', text, problems === undefined ? {} : { problems });
}

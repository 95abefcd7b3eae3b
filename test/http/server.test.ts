import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import { CastDocument, ViewerDocument } from '../support/gql/graphql.js';
import { readMetrics, valueOf } from './metrics-text.js';

const FRIEND = 'https://app.example.com';
const STRANGER_BODY_BYTES_MAX = 64 * 1024;
const PROBLEM_MEDIA_TYPE = /^application\/problem\+json(;|$)/;

interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  requestId: string;
  problems?: { path: string; reason: string }[];
}

describe('the HTTP edge', async () => {
  const { seed, client, app } = await startHarness({
    environment: { SPELL_ALLOWED_ORIGINS: `${FRIEND}, https://other.example.com` },
  });
  const admin = await seed.account(['admin']);
  const caster = await seed.account(['cast']);
  const stranger = client();
  const version = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;

  describe('health', () => {
    it('/healthz says that the process is alive, and nothing else', async () => {
      const response = await stranger.fetch('/healthz');
      assert.equal(response.status, 200);
      assert.equal(await response.text(), `{"status":"ok","version":"${version}"}`);
    });

    it('/readyz names each service', async () => {
      const response = await stranger.fetch('/readyz');
      assert.equal(response.status, 200);
      assert.deepEqual(await response.json(), { status: 'ok', checks: { postgres: 'ok', redis: 'ok' } });
    });
  });

  const spell = await seed.spell(admin, { guest: 'echo' });

  describe('metrics', async () => {
    const { cast } = await caster.client.get(CastDocument, { input: { spell, input: 'x' } });
    await caster.client.watch(cast.cast.id);
    await stranger.ask(ViewerDocument, {});
    await stranger.fetch('/healthz');
    await stranger.fetch('/nowhere/at/all');
    const response = await stranger.fetch('/metrics');
    const { samples, described } = readMetrics(await response.text());

    it('are Prometheus text, each family described once', () => {
      assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
      assert.deepEqual([...new Set(described)], described);
      for (const { name } of samples) {
        assert.ok(
          described.includes(name) || described.includes(name.replace(/_(bucket|sum|count)$/, '')),
          `${name} has no type`,
        );
      }
    });

    for (const [what, name, labels] of [
      [
        'HTTP requests',
        'spell_http_request_seconds_count',
        { route: '/healthz', method: 'GET', status: '200' },
      ],
      [
        'routes that do not exist, under one label',
        'spell_http_request_seconds_count',
        { route: 'none', method: 'GET', status: '404' },
      ],
      [
        'GraphQL operations',
        'spell_graphql_operation_seconds_count',
        { operation: 'cast', transport: 'http', code: 'OK' },
      ],
      [
        'GraphQL errors',
        'spell_graphql_operation_seconds_count',
        { operation: 'viewer', transport: 'http', code: 'UNAUTHENTICATED' },
      ],
      [
        'subscriptions',
        'spell_graphql_operation_seconds_count',
        { operation: 'castEvents', transport: 'ws', code: 'OK' },
      ],
      ['accepted casts', 'spell_casts_accepted_total', {}],
      ['settled casts', 'spell_casts_settled_total', { status: 'SUCCEEDED' }],
      ['attempts', 'spell_cast_attempts_total', { outcome: 'settled' }],
      ['time to the final state', 'spell_cast_seconds_count', {}],
      ['time in the sandbox', 'spell_sandbox_run_seconds_count', {}],
      ['sandbox processes', 'spell_sandbox_processes', { state: 'spawned' }],
      ['connections of the database pool', 'spell_database_connections', { state: 'open' }],
      ['processor time', 'process_cpu_seconds_total', {}],
    ] as const) {
      it(`count ${what}`, () => assert.ok(valueOf(samples, name, labels) > 0));
    }

    for (const [what, name, labels] of [
      ['open sockets', 'spell_graphql_sockets', {}],
      ['watchers', 'spell_cast_watchers', {}],
      ['the queue', 'spell_queue_jobs', { state: 'waiting' }],
      ['sandbox processes at work', 'spell_sandbox_processes', { state: 'busy' }],
      ['whether guests are sealed', 'spell_sandbox_isolation', { layer: 'sealed' }],
      ['the lag of the event loop', 'nodejs_eventloop_lag_p99_seconds', {}],
    ] as const) {
      it(`show ${what}`, () => assert.ok(valueOf(samples, name, labels) >= 0));
    }
  });

  describe('problem details (RFC 9457)', () => {
    async function problem(response: Response): Promise<Problem> {
      assert.match(response.headers.get('content-type') ?? '', PROBLEM_MEDIA_TYPE);
      const body = (await response.json()) as Problem;
      assert.equal(body.status, response.status);
      assert.equal(body.requestId, response.headers.get('x-request-id'));
      for (const member of ['type', 'title', 'detail', 'code'] as const)
        assert.equal(typeof body[member], 'string', member);
      return body;
    }
    const post = (body: BodyInit, headers: Record<string, string> = {}) =>
      admin.client.fetch('/v1/keys', { method: 'POST', body, headers });

    it('400: a body that is no JSON', async () => {
      assert.equal((await problem(await post('{"name":'))).code, 'BAD_USER_INPUT');
    });

    it('400: says so of a key that would change what an object inherits from', async () => {
      for (const body of ['{"name":"x","__proto__":{"a":1}}', '{"constructor":{"prototype":{}}}']) {
        const { code, detail } = await problem(await post(body));
        assert.equal(code, 'BAD_USER_INPUT');
        assert.match(detail, /__proto__/);
      }
      assert.doesNotMatch((await problem(await post('{"__proto__":'))).detail, /__proto__/);
      const query = '{"query":"{ viewer { id } }","variables":{"__proto__":1}}';
      const response = await admin.client.fetch('/graphql', { method: 'POST', body: query });
      assert.equal(response.status, 400);
      assert.match(await response.text(), /__proto__/);
    });

    it('400: the sentence calls a field as the list of problems does', async () => {
      const input = { spell_name: spell, payload: 'x', limits: { max_fuel: '0' } };
      const { detail, problems } = await problem(
        await caster.client.fetch('/v1/cast', { method: 'POST', body: JSON.stringify(input) }),
      );
      assert.deepEqual(
        problems?.map(({ path }) => path),
        ['limits/max_fuel'],
      );
      assert.match(detail, /^limits\/max_fuel: /);
    });

    it('400: no body', async () => {
      const body = await problem(await admin.client.fetch('/v1/keys', { method: 'POST' }));
      assert.deepEqual([body.status, body.code], [400, 'BAD_USER_INPUT']);
    });

    it('400: names every part of the body that is wrong', async () => {
      const body = await problem(await post(JSON.stringify({ name: {}, extra: 1 })));
      assert.deepEqual([body.status, body.code], [400, 'BAD_USER_INPUT']);
      assert.ok((body.problems?.length ?? 0) >= 3, JSON.stringify(body.problems));
      for (const { path, reason } of body.problems ?? []) assert.ok(path.startsWith('body') && reason !== '');
    });

    it('400: a media type that is not read', async () => {
      assert.equal(
        (await problem(await post('name=x', { 'content-type': 'application/x-www-form-urlencoded' }))).code,
        'BAD_USER_INPUT',
      );
    });

    it('400: a parameter that does not exist', async () => {
      assert.equal((await problem(await admin.client.fetch('/v1/keys?fist=1'))).code, 'BAD_USER_INPUT');
    });

    it('400: an address that is no text', async () => {
      assert.equal(
        (await problem(await admin.client.fetch('/v1/keys/%ff', { method: 'DELETE' }))).status,
        400,
      );
    });

    it('401, 403 and 404', async () => {
      assert.equal((await problem(await stranger.fetch('/v1/keys'))).code, 'UNAUTHENTICATED');
      const forbidden = await problem(await caster.client.fetch('/v1/keys'));
      assert.deepEqual([forbidden.status, forbidden.code], [403, 'FORBIDDEN']);
      const missing = await problem(
        await admin.client.fetch('/v1/keys/spell_0000000000', { method: 'DELETE' }),
      );
      assert.deepEqual([missing.status, missing.code], [404, 'NOT_FOUND']);
    });

    it('404: an address at which there is nothing, whoever asks and however', async () => {
      for (const who of [stranger, admin.client]) {
        for (const [method, path] of [
          ['GET', '/'],
          ['GET', '/v2/keys'],
          ['PATCH', '/v1/keys'],
          ['DELETE', '/graphql'],
        ] as const) {
          const body = await problem(await who.fetch(path, { method }));
          assert.deepEqual([body.status, body.code], [404, 'NOT_FOUND'], `${method} ${path}`);
        }
      }
    });

    it('413: a stranger’s body beyond 64 KiB', async () => {
      const body = await problem(
        await stranger.fetch('/v1/keys', { method: 'POST', body: 'x'.repeat(STRANGER_BODY_BYTES_MAX + 1) }),
      );
      assert.deepEqual([body.status, body.code], [413, 'PAYLOAD_TOO_LARGE']);
    });

    it('413: a stranger’s body without a length', async () => {
      const request = httpRequest(`${app.url}/v1/keys`, {
        method: 'POST',
        headers: { 'transfer-encoding': 'chunked', 'content-type': 'application/json' },
      });
      request.on('error', () => undefined);
      request.write('{');
      const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
      request.destroy();
      assert.equal(response.statusCode, 413);
      assert.match(response.headers['content-type'] ?? '', PROBLEM_MEDIA_TYPE);
    });

    it('a stranger’s body of 64 KiB is read', async () => {
      const response = await stranger.fetch('/v1/keys', {
        method: 'POST',
        body: ' '.repeat(STRANGER_BODY_BYTES_MAX),
      });
      assert.notEqual(response.status, 413);
    });

    it('413: a caster’s body beyond 12 MiB', async () => {
      const body = await problem(
        await caster.client.fetch('/v1/cast', { method: 'POST', body: new Uint8Array(12 * 1024 * 1024 + 1) }),
      );
      assert.equal(body.code, 'PAYLOAD_TOO_LARGE');
    });

    it('every answer has a request id of its own', async () => {
      const ids = await Promise.all(
        ['/healthz', '/healthz', '/nowhere'].map(async (path) =>
          (await stranger.fetch(path)).headers.get('x-request-id'),
        ),
      );
      assert.equal(new Set(ids).size, 3);
      for (const id of ids) assert.match(id ?? '', /^[0-9a-f-]{36}$/);
    });

    it('a request id from outside is not believed', async () => {
      const response = await stranger.fetch('/healthz', {
        headers: { 'x-request-id': 'mine', 'request-id': 'mine' },
      });
      assert.notEqual(response.headers.get('x-request-id'), 'mine');
    });
  });

  describe('OpenAPI', () => {
    it('is served as it is committed', async () => {
      const served: unknown = await (await stranger.fetch('/v1/openapi.json')).json();
      assert.deepEqual(served, JSON.parse(readFileSync('schema/openapi.json', 'utf8')));
    });

    it('describes every route of the contract', async () => {
      const { openapi, paths } = (await (await stranger.fetch('/v1/openapi.json')).json()) as {
        openapi: string;
        paths: Record<string, Record<string, { summary?: string; tags?: string[] }>>;
      };
      assert.match(openapi, /^3\.1\./);
      const routes = Object.entries(paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method} ${path}`),
      );
      for (const route of [
        'get /healthz',
        'get /readyz',
        'get /metrics',
        'post /v1/keys',
        'get /v1/keys',
        'delete /v1/keys/{prefix}',
        'post /v1/cast',
        'post /v1/spells',
        'get /v1/spells/{key}/sbom',
      ]) {
        assert.ok(routes.includes(route), route);
      }
      for (const [path, methods] of Object.entries(paths)) {
        for (const [method, { summary, tags }] of Object.entries(methods))
          assert.ok(summary && tags?.length, `${method} ${path}`);
      }
    });
  });

  describe('browsers', () => {
    it('get headers that keep an answer from being run, framed or sniffed', async () => {
      for (const path of ['/healthz', '/nowhere', '/v1/keys', '/graphql?query={__typename}']) {
        const { headers } = await stranger.fetch(path);
        assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/, path);
        assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/, path);
        assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
        assert.match(headers.get('strict-transport-security') ?? '', /max-age=\d+/, path);
        assert.equal(headers.get('referrer-policy'), 'no-referrer', path);
        assert.equal(headers.get('x-powered-by'), null, path);
      }
    });

    it('may read answers from a listed origin', async () => {
      const response = await admin.client.fetch('/v1/keys', { headers: { origin: FRIEND } });
      assert.equal(response.headers.get('access-control-allow-origin'), FRIEND);
      assert.match(response.headers.get('access-control-expose-headers') ?? '', /x-request-id/);
      assert.match(response.headers.get('vary') ?? '', /origin/i);
      assert.equal(response.headers.get('access-control-allow-credentials'), null);
    });

    it('may not from any other', async () => {
      for (const origin of [
        'https://evil.example.com',
        'http://app.example.com',
        'https://app.example.com.evil.com',
        'null',
        app.url,
      ]) {
        const response = await admin.client.fetch('/v1/keys', { headers: { origin } });
        assert.equal(response.headers.get('access-control-allow-origin'), null, origin);
      }
    });

    it('are answered when they ask first, also on /graphql', async () => {
      for (const path of ['/v1/keys', '/graphql']) {
        const headers = {
          origin: FRIEND,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        };
        const response = await stranger.fetch(path, { method: 'OPTIONS', headers });
        assert.equal(response.status, 204, path);
        assert.equal(response.headers.get('access-control-allow-origin'), FRIEND, path);
        assert.match(response.headers.get('access-control-allow-headers') ?? '', /authorization/, path);
        const foreign = await stranger.fetch(path, {
          method: 'OPTIONS',
          headers: { ...headers, origin: 'https://evil.example.com' },
        });
        assert.equal(foreign.headers.get('access-control-allow-origin'), null, path);
      }
    });

    it('get GraphiQL, which loads nothing from anywhere', async () => {
      const response = await stranger.fetch('/graphql', {
        headers: { accept: 'text/html,application/xhtml+xml' },
      });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
      const policy = response.headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /connect-src 'self'/);
      assert.doesNotMatch(policy, /https?:|\*/);
      const page = await response.text();
      assert.match(page, /GraphiQL/i);
      // The page is one long script: only tags before it and after it are looked at.
      const markup = page.replaceAll(/<script[^>]*>[\s\S]*?<\/script>/g, (script) =>
        script.slice(0, script.indexOf('>') + 1),
      );
      assert.doesNotMatch(
        markup,
        /<(script|link|img|iframe|object)[^>]*\s(src|href)\s*=\s*["']?\s*(https?:)?\/\//i,
      );
      assert.doesNotMatch(page, /@import\s+(url\()?["']?https?:/);
    });
  });
});

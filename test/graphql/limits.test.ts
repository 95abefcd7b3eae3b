import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getIntrospectionQuery } from 'graphql';
import { startHarness } from '../support/harness.js';
import { ViewerDocument } from '../support/gql/graphql.js';
import { TRANSPORTS } from './transports.js';

const nested = (levels: number) => `{ ${'a { '.repeat(levels)} b ${'} '.repeat(levels)} }`;
const cyclic = (count: number) => {
  const names = Array.from({ length: count }, (_, n) => `F${n}`);
  return `{ ...F0 } ${names.map((name) => `fragment ${name} on Query { ${names.map((other) => `...${other}`).join(' ')} }`).join(' ')}`;
};
const times = (count: number, make: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => make(n)).join(' ');

// Each goes just beyond one limit, or is one of the queries that bring a stock server down.
const REFUSED: Record<string, string> = {
  '120 fragments that name each other': cyclic(120),
  'a fragment that contains itself': '{ ...F } fragment F on Query { __typename ...F }',
  'two fragments that contain each other':
    '{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }',
  'a nesting of 2,000 levels': nested(2_000),
  'a nesting of 17 levels': '{ viewer { ' + 'a { '.repeat(15) + 'id' + ' }'.repeat(15) + ' } }',
  'a nesting hidden in inline fragments': `{ ${'... on Query { '.repeat(17)} __typename ${'} '.repeat(17)} }`,
  'a nesting hidden in fragments': `{ ...F0 } ${times(17, (n) => `fragment F${n} on Query { a { ...F${n + 1} } }`)} fragment F17 on Query { __typename }`,
  '31 aliases': `{ ${times(31, (n) => `a${n}: __typename`)} }`,
  '31 aliases over fragments and operations': `query A { ${times(16, (n) => `a${n}: __typename`)} } fragment F on Query { ${times(15, (n) => `b${n}: __typename`)} }`,
  '51 directives on a field': `{ __typename ${'@include(if: true) '.repeat(51)} }`,
  '51 directives over fields': `{ ${times(51, () => '__typename @include(if: true)')} }`,
  '51 directives on the operation': `query ${'@skip '.repeat(51)} { __typename }`,
  '51 directives on a fragment': `{ ...F } fragment F on Query ${'@skip '.repeat(51)} { __typename }`,
  '51 directives on a variable': `query ($a: Int ${'@skip '.repeat(51)}) { __typename }`,
  '4,001 tokens': `{ ${'__typename '.repeat(4_001)} }`,
  // Here graphql-js itself gives up comparing fields with each other.
  'one field 1,000 times': `{ ${'__typename '.repeat(1_000)} }`,
  'a text of more than 64 KiB': `{ __typename } #${'x'.repeat(64 * 1024)}`,
  '61 fragments': `{ ...F0 } ${times(61, (n) => `fragment F${n} on Query { __typename }`)}`,
  'pages of pages':
    '{ viewer { casts(first: 100) { edges { node { events(first: 100) { edges { cursor node { cursor sequence } } } } } } } }',
  'a page of a thousand million': '{ viewer { casts(first: 1000000000) { edges { node { id } } } } }',
};

describe('what a query may be', async () => {
  const { seed, client } = await startHarness({ roles: ['api'] });
  const account = await seed.account(['admin']);
  const answers = async () =>
    assert.equal((await account.client.get(ViewerDocument, {})).viewer.id, account.accountId);

  for (const transport of TRANSPORTS) {
    describe(`over ${transport.name}`, () => {
      for (const [what, query] of Object.entries(REFUSED)) {
        it(`refuses ${what}`, async () => {
          const { status, errors } = await transport.refusal(account.client, query);
          assert.equal(errors[0]?.extensions.code, 'QUERY_REFUSED', JSON.stringify(errors).slice(0, 500));
          assert.ok(status === null || status === 400, String(status));
          assert.equal(errors.length, 1);
          await answers();
        });
      }

      it('counts the page size that comes in variables', async () => {
        const query =
          'query ($n: Int) { viewer { casts(first: $n) { edges { node { events(first: $n) { edges { cursor } } } } } } }';
        const { errors } = await transport.refusal(account.client, query, { n: 100 });
        assert.equal(errors[0]?.extensions.code, 'QUERY_REFUSED');
        const { cost, limit } = errors[0]?.extensions ?? {};
        assert.ok(Number(cost) > Number(limit));
        assert.deepEqual((await transport.refusal(account.client, query, { n: 5 })).errors, []);
      });

      it('bad input: a field, an argument or a fragment that does not exist', async () => {
        for (const query of [
          '{ viewer { nothing } }',
          '{ spell(name: "x") { id } }',
          '{ ...F }',
          'query ($a: Nothing) { __typename }',
          '{ viewer',
          '',
          '   ',
        ]) {
          const { status, errors } = await transport.refusal(account.client, query);
          assert.equal(errors[0]?.extensions.code, 'BAD_USER_INPUT', `${query}: ${JSON.stringify(errors)}`);
          assert.ok(status === null || status === 400, query);
        }
      });

      it('bad input: variables of the wrong type, absent, or not 64-bit', async () => {
        const byId = 'query ($id: ID!) { node(id: $id) { id } }';
        const cases: [string, object][] = [
          [byId, {}],
          [byId, { id: { a: 1 } }],
          ['query ($n: Int) { viewer { casts(first: $n) { edges { cursor } } } }', { n: 'many' }],
          [
            'query ($i: CastInput!) { estimateCast(input: $i) { maxFuel } }',
            { i: { spell: 'a.b', maxCostMicros: '9223372036854775808' } },
          ],
          [
            'query ($i: CastInput!) { estimateCast(input: $i) { maxFuel } }',
            { i: { spell: 'a.b', other: 1 } },
          ],
          [
            'mutation ($i: CreateApiKeyInput!) { createApiKey(input: $i) { secret } }',
            { i: { name: 'x', scopes: ['cast'], expiresAt: 'soon' } },
          ],
        ];
        for (const [query, variables] of cases) {
          const { status, errors } = await transport.refusal(account.client, query, variables);
          assert.equal(errors[0]?.extensions.code, 'BAD_USER_INPUT', `${query}: ${JSON.stringify(errors)}`);
          assert.ok(status === null || status === 400 || transport.name === 'SSE', `${status} ${query}`);
        }
      });

      it('bad input: JSON nested beyond reason, in a variable', async () => {
        const depth = 20_000;
        const deep = JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) as unknown;
        const text = `${'['.repeat(depth)}${']'.repeat(depth)}`;
        assert.ok(deep);
        const query = 'query ($i: CastInput!) { estimateCast(input: $i) { maxFuel } }';
        // JSON.stringify itself cannot write this, so the client is given the text.
        const body = `{"query":${JSON.stringify(query)},"variables":{"i":{"spell":"com.example.none","input":${text}}}}`;
        if (transport.name === 'WebSocket') return;
        const headers: Record<string, string> =
          transport.name === 'SSE' ? { accept: 'text/event-stream' } : {};
        const response = await account.client.fetch('/graphql', { method: 'POST', body, headers });
        const answer = await response.text();
        assert.doesNotMatch(answer, /INTERNAL/);
        assert.match(answer, /BAD_USER_INPUT|QUERY_REFUSED|NOT_FOUND/);
        await answers();
      });
    });
  }

  describe('over HTTP alone', () => {
    const post = (body: unknown) =>
      account.client.fetch('/graphql', {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
    const code = async (response: Response) => {
      const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
      return { status: response.status, code: errors?.[0]?.extensions.code };
    };

    it('payload too large: a stranger’s body beyond 64 KiB', async () => {
      const { status, errors } = await client().askText(`{ __typename } #${'x'.repeat(64 * 1024)}`);
      assert.equal(status, 413);
      assert.equal(errors[0]?.extensions.code, 'PAYLOAD_TOO_LARGE');
      assert.equal(typeof errors[0].extensions.requestId, 'string');
    });

    it('refuses batches', async () => {
      for (const batch of [
        [{ query: '{ __typename }' }, { query: '{ __typename }' }],
        [{ query: '{ __typename }' }],
        [],
      ]) {
        assert.deepEqual(await code(await post(batch)), { status: 400, code: 'QUERY_REFUSED' });
      }
    });

    it('bad input: bodies that hold no operation', async () => {
      for (const body of [
        '{',
        '{}',
        '"x"',
        'null',
        '7',
        '{"query":7}',
        '{"query":"{ __typename }","variables":[]}',
        '{"query":"{ __typename }","variables":"x"}',
        '{"query":"{ __typename }","operationName":7}',
      ]) {
        assert.deepEqual(await code(await post(body)), { status: 400, code: 'BAD_USER_INPUT' }, body);
      }
    });

    it('bad input: an operation that is not there, or one of several without a name', async () => {
      const query = 'query A { __typename } query B { __typename }';
      assert.deepEqual(await code(await post({ query })), { status: 400, code: 'BAD_USER_INPUT' });
      assert.deepEqual(await code(await post({ query, operationName: 'C' })), {
        status: 400,
        code: 'BAD_USER_INPUT',
      });
      assert.equal((await post({ query, operationName: 'B' })).status, 200);
    });

    it('bad input: a subscription, which needs a stream', async () => {
      const answer = await code(await post({ query: 'subscription { castEvents(castId: "x") { cursor } }' }));
      assert.deepEqual(answer, { status: 400, code: 'BAD_USER_INPUT' });
    });

    it('introspection needs no key, and common tools’ query fits the limits', async () => {
      const query = getIntrospectionQuery({
        inputValueDeprecation: true,
        specifiedByUrl: true,
        directiveIsRepeatable: true,
        schemaDescription: true,
      });
      const { status, data } = await client().askText<{ __schema: { types: { name: string }[] } }>(query);
      assert.equal(status, 200);
      assert.ok(data?.__schema.types.some(({ name }) => name === 'CastEvent'));
    });

    it('introspection that goes round in circles is refused before it costs anything', async () => {
      const circle = (turns: number): string =>
        turns === 0 ? 'name' : `fields { type { ${circle(turns - 1)} } }`;
      const startedMs = performance.now();
      const { status, errors } = await client().askText(`{ __schema { types { ${circle(6)} } } }`);
      assert.equal(status, 400);
      assert.match(errors[0]?.extensions.code ?? '', /^(QUERY_REFUSED|BAD_USER_INPUT)$/);
      assert.ok(performance.now() - startedMs < 10_000);
    });

    it('a query at each limit is answered', async () => {
      for (const query of [
        `{ ${times(30, (n) => `a${n}: __typename`)} }`,
        `{ ${times(50, () => '__typename @include(if: true)')} }`,
        `{ ${'__typename '.repeat(500)} }`,
        `{ ${times(60, (n) => `...F${n}`)} } ${times(60, (n) => `fragment F${n} on Query { __typename }`)}`,
        `{ __typename } #${'x'.repeat(60 * 1024)}`,
        '{ viewer { casts(first: 100) { edges { cursor node { id status spell { key } spellVersion { version } } } } } }',
      ]) {
        const { status, errors } = await account.client.askText(query);
        assert.equal(status, 200, JSON.stringify(errors).slice(0, 300));
        assert.deepEqual(errors, []);
      }
    });

    it('the query of a GET is held to the same limits', async () => {
      const get = (query: string) =>
        account.client.fetch(`/graphql?query=${encodeURIComponent(query)}`, {
          headers: { 'apollo-require-preflight': 'true' },
        });
      assert.deepEqual(await code(await get(REFUSED['31 aliases'] ?? '')), {
        status: 400,
        code: 'QUERY_REFUSED',
      });
      assert.equal((await get('{ viewer { id } }')).status, 200);
      assert.deepEqual(
        await code(await get('mutation { revokeApiKey(input: {prefix: "x"}) { apiKey { id } } }')),
        {
          status: 400,
          code: 'BAD_USER_INPUT',
        },
      );
    });
  });

  describe('requests that a foreign page could make a browser send', () => {
    it('are refused with CSRF_FAILED', async () => {
      const attempts: [string, RequestInit][] = [
        [
          '/graphql',
          { method: 'POST', body: '{"query":"{ __typename }"}', headers: { 'content-type': 'text/plain' } },
        ],
        ['/graphql?query={__typename}', {}],
      ];
      for (const [path, init] of attempts) {
        const response = await account.client.fetch(path, init);
        const text = await response.text();
        assert.equal(response.status, 403, `${JSON.stringify(init)} ${text}`);
        assert.match(text, /"code":"CSRF_FAILED"/);
      }
    });

    it('are refused as forms too', async () => {
      const body = new FormData();
      body.set('operations', '{"query":"{ __typename }"}');
      // fetch writes the content type with the boundary itself.
      const headers = { authorization: `Bearer ${account.apiKey}` };
      const form = await fetch(`${account.client.url}/graphql`, { method: 'POST', body, headers });
      assert.ok(form.status === 403 || form.status === 400, String(form.status));
      const encoded = await fetch(`${account.client.url}/graphql`, {
        method: 'POST',
        body: new URLSearchParams({ query: '{ __typename }' }),
        headers,
      });
      assert.ok(encoded.status === 403 || encoded.status === 400, String(encoded.status));
    });
  });
});

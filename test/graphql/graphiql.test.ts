import assert from 'node:assert/strict';
import { get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { parse } from 'graphql';
// What the page has built in; a tool of ours brings it along.
import { SubscriptionProtocol, UrlLoader } from '@graphql-tools/url-loader';
import { CastDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';

const WATCH = parse('subscription ($id: ID!) { castEvents(castId: $id) { __typename } }');

describe('the GraphiQL page', async () => {
  const { seed, app } = await startHarness();
  const account = await seed.account();

  async function page(headers: Record<string, string>): Promise<{ answer: IncomingMessage; body: Buffer }> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${app.url}/graphql`, { headers: { accept: 'text/html', ...headers } }, resolve).on(
        'error',
        reject,
      );
    });
    return { answer, body: await buffer(answer) };
  }

  it('is sent in the encoding that the browser takes, and not again to one that has it', async () => {
    const plain = await page({});
    assert.equal(plain.answer.headers['content-encoding'], undefined);
    for (const [accepted, encoding, open] of [
      ['gzip, deflate, br', 'br', brotliDecompressSync],
      ['gzip, br;q=0', 'gzip', gunzipSync],
    ] as const) {
      const { answer, body } = await page({ 'accept-encoding': accepted });
      assert.equal(answer.headers['content-encoding'], encoding);
      assert.ok(body.length < plain.body.length / 3, `${body.length} bytes`);
      assert.ok(open(body).equals(plain.body));
      const again = await page({
        'accept-encoding': accepted,
        'if-none-match': answer.headers.etag ?? 'none',
      });
      assert.deepEqual([again.answer.statusCode, again.body.length], [304, 0]);
    }
  });

  it('does not keep the API key in the browser', async () => {
    const { body } = await page({});
    assert.match(body.toString(), /"shouldPersistHeaders":false/);
  });

  it('runs a subscription with the transport that it has built in', async () => {
    const spell = await seed.spell(account, { guest: 'echo' });
    const { cast } = await account.client.get(CastDocument, { input: { spell, input: 'x' } });
    const endpoint = `${app.url}/graphql`;
    // As the page calls it.
    const execute = new UrlLoader().getExecutorAsync(endpoint, {
      subscriptionsProtocol: SubscriptionProtocol.GRAPHQL_SSE,
      subscriptionsEndpoint: endpoint,
      credentials: 'same-origin',
    });
    const result = await execute({
      document: WATCH,
      variables: { id: cast.cast.id },
      extensions: { headers: { authorization: `Bearer ${account.apiKey}` } },
    });
    assert.ok(Symbol.asyncIterator in result, JSON.stringify(result));
    const types: string[] = [];
    for await (const { data, errors } of result as AsyncIterable<{
      data?: { castEvents: { __typename: string } };
      errors?: unknown;
    }>) {
      assert.equal(errors, undefined, JSON.stringify(errors));
      types.push(data?.castEvents.__typename ?? 'nothing');
    }
    assert.equal(types[0], 'CastQueued');
    assert.equal(types.at(-1), 'CastFinished');
  });
});

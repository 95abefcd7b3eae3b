import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { ApiClient } from '../support/client.js';
import { CastDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { logLines, startProcess, type LogLine } from '../platform/output-of.js';
import { RawSocket } from './raw-socket.js';
import { openSse, TRANSPORTS } from './transports.js';
import { waitUntil } from '../support/wait.js';

const WATCH = 'subscription ($id: ID!) { castEvents(castId: $id) { cursor } }';
const CAST = 'mutation ($spell: String!) { cast(input: {spell: $spell, input: "x"}) { cast { id } } }';
const COSTLY = `{ viewer { ${Array.from({ length: 40 }, (_, n) => `a${n}: login`).join(' ')} } }`;
const OPEN_MS = 500;

describe('the log line of an operation', async () => {
  const { seed, environment } = await startHarness({ roles: ['api'] });
  const api = startProcess('api', { ...environment, SPELL_LOG_LEVEL: 'info' });
  const [owner, stranger] = [await seed.account(), await seed.account()];
  const url = await api.ready;
  const spell = await seed.spell(owner, { guest: 'echo' });
  const { cast } = await owner.client.get(CastDocument, { input: { spell, input: 'x' } });
  const { id } = cast.cast;

  async function lineOf(requestId: unknown): Promise<LogLine> {
    const find = () =>
      logLines(api).find((line) => line.msg === 'graphql operation' && line.requestId === requestId);
    await waitUntil('log line', 5_000, () => Promise.resolve(find() !== undefined));
    return find() as LogLine;
  }

  for (const transport of TRANSPORTS) {
    const refusals: Record<string, { query: string; variables: object; code: string; operation: string }> = {
      'a mutation that fails': {
        query: CAST,
        variables: { spell: 'com.example.none' },
        code: 'NOT_FOUND',
        operation: 'cast',
      },
      'a query over a limit': { query: COSTLY, variables: {}, code: 'QUERY_REFUSED', operation: 'invalid' },
      'a query with a mistake': { query: '{', variables: {}, code: 'BAD_USER_INPUT', operation: 'invalid' },
      ...(transport.name === 'HTTP'
        ? {}
        : {
            'a subscription to the cast of another account': {
              query: WATCH,
              variables: { id },
              code: 'NOT_FOUND',
              operation: 'castEvents',
            },
          }),
    };
    for (const [what, { query, variables, code, operation }] of Object.entries(refusals)) {
      it(`has the code that the client got: ${what} over ${transport.name}`, async () => {
        const client = new ApiClient(url, stranger.apiKey);
        const { errors } = await transport.refusal(client, query, variables);
        assert.equal(errors[0]?.extensions.code, code);
        const line = await lineOf(errors[0].extensions.requestId);
        assert.deepEqual(
          [line['operation'], line['status'], line.accountId],
          [operation, code, stranger.accountId],
        );
      });
    }
  }

  /** The lines about subscriptions that ended well. */
  const watched = (transport: string) =>
    logLines(api).filter(
      (line) =>
        line.msg === 'graphql operation' && line['status'] === 'OK' && line['transport'] === transport,
    );

  for (const [transport, open] of [
    [
      'ws',
      async () => {
        const socket = await RawSocket.authenticated(url, owner.apiKey);
        socket.subscribe('1', WATCH, { id });
        await socket.message(({ type }) => type === 'next');
        return () => socket.send({ id: '1', type: 'complete' });
      },
    ],
    [
      'sse',
      async () => {
        const leave = new AbortController();
        const response = await openSse(new ApiClient(url, owner.apiKey), WATCH, { id }, leave.signal);
        await response.body?.getReader().read();
        return () => leave.abort();
      },
    ],
  ] as const) {
    it(`comes when a subscription over ${transport} ends, with the time it was open`, async () => {
      const end = await open();
      await delay(OPEN_MS);
      assert.deepEqual(watched(transport), []);
      end();
      await waitUntil('log line', 5_000, () => Promise.resolve(watched(transport).length === 1));
      assert.ok(Number(watched(transport)[0]?.['latencyMs']) >= OPEN_MS);
    });
  }
});

import assert from 'node:assert/strict';
import { print } from 'graphql';
import { describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import {
  CastDocument,
  CastEventsDocument,
  RevokeApiKeyDocument,
  ViewerDocument,
} from '../support/gql/graphql.js';
import { readMetrics, valueOf } from '../http/metrics-text.js';
import { openSse, readSse } from './transports.js';
import { waitUntil } from '../support/wait.js';

const SOON_MS = 2_000;
const WATCH = print(CastEventsDocument);

describe('GraphQL over server-sent events', async () => {
  const { seed, client } = await startHarness();
  const account = await seed.account(['admin']);
  const echo = await seed.spell(account, { guest: 'echo' });
  const ticker = await seed.spell(account, { guest: 'ticker' });
  const sleeper = await seed.spell(account, { guest: 'sleeper' });
  const start = async (spell: string, input = '') =>
    (await account.client.get(CastDocument, { input: { spell, input } })).cast.cast.id;
  const watchers = async () =>
    valueOf(readMetrics(await (await client().fetch('/metrics')).text()).samples, 'spell_cast_watchers');

  describe('ok', () => {
    it('a cast is watched to its end, then the stream is complete', async () => {
      const response = await openSse(account.client, WATCH, { castId: await start(echo, 'hello') });
      assert.equal(response.status, 200);
      assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
      assert.match(response.headers.get('cache-control') ?? '', /no-cache|no-store/);
      const events = readSse(await response.text());
      assert.equal(events.at(-1)?.event, 'complete');
      const seen = events.slice(0, -1).map(({ event, data }) => {
        assert.equal(event, 'next');
        return (JSON.parse(data) as { data: { castEvents: { __typename: string; text?: string } } }).data
          .castEvents;
      });
      assert.deepEqual(
        seen.map(({ __typename }) => __typename),
        ['CastQueued', 'CastStarted', 'CastOutput', 'CastFinished'],
      );
      assert.equal(seen[2]?.text, 'hello');
    });

    it('events come when they happen, not all at the end', async () => {
      const response = await openSse(account.client, WATCH, { castId: await start(ticker) });
      const reader = response.body?.getReader();
      assert.ok(reader);
      let reads = 0;
      while (!(await reader.read()).done) reads += 1;
      assert.ok(reads > 3, `${reads} pieces`);
    });

    it('a stream goes on after a cursor', async () => {
      const castId = await start(echo, 'again');
      const whole = readSse(await (await openSse(account.client, WATCH, { castId })).text());
      const { data } = JSON.parse(whole[1]?.data ?? '') as { data: { castEvents: { cursor: string } } };
      const rest = readSse(
        await (await openSse(account.client, WATCH, { castId, after: data.castEvents.cursor })).text(),
      );
      assert.deepEqual(rest, whole.slice(2));
    });

    it('a query is answered with one event', async () => {
      const events = readSse(await (await openSse(account.client, print(ViewerDocument))).text());
      assert.deepEqual(
        events.map(({ event }) => event),
        ['next', 'complete'],
      );
      assert.match(events[0]?.data ?? '', new RegExp(account.accountId));
    });
  });

  describe('bad input', () => {
    it('an operation that is not valid is answered in JSON', async () => {
      for (const query of ['{ nothing }', '{', '', 7, 'subscription { castEvents { cursor } }']) {
        const response = await openSse(account.client, query);
        assert.equal(response.status, 400, String(query));
        assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
        const { errors } = (await response.json()) as {
          errors: { extensions: { code: string; requestId: string } }[];
        };
        assert.equal(errors[0]?.extensions?.code, 'BAD_USER_INPUT', String(query));
        assert.equal(errors[0].extensions.requestId, response.headers.get('x-request-id'));
      }
    });

    it('a cursor that is none', async () => {
      const text = await (
        await openSse(account.client, WATCH, { castId: await start(echo), after: 'nonsense' })
      ).text();
      assert.match(text, /"code":"BAD_USER_INPUT"/);
    });

    it('a request without a body, or with one of another kind', async () => {
      for (const init of [
        {},
        { body: '"x"' },
        { body: '[]' },
        { body: '{ "query": "{ __typename }" }', headers: { 'content-type': 'text/plain' } },
      ]) {
        const headers = { accept: 'text/event-stream', ...(init as RequestInit).headers };
        const response = await account.client.fetch('/graphql', { method: 'POST', ...init, headers });
        const text = await response.text();
        assert.ok(
          response.status >= 400 && response.status < 500,
          `${JSON.stringify(init)}: ${response.status} ${text}`,
        );
        assert.match(text, /"code":"[A-Z_]+"/, JSON.stringify(init));
      }
    });

    it('a mutation in an address changes nothing', async () => {
      const victim = await seed.key(account.accountId, ['read']);
      const query = encodeURIComponent(
        `mutation { revokeApiKey(input: {prefix: "${victim.keyPrefix}"}) { apiKey { id } } }`,
      );
      const response = await account.client.fetch(`/graphql?query=${query}`, {
        headers: { accept: 'text/event-stream' },
      });
      assert.ok(response.status >= 400, String(response.status));
      await response.text();
      await victim.client.get(ViewerDocument, {});
    });
  });

  it('unauthenticated: without a key, with a wrong one', async () => {
    const castId = await start(echo);
    const text = await (await openSse(client(), WATCH, { castId })).text();
    assert.match(text, /"code":"UNAUTHENTICATED"/);
    const wrong = await openSse(client('nonsense'), WATCH, { castId });
    assert.equal(wrong.status, 401);
  });

  it('forbidden: with neither cast nor read', async () => {
    const maker = await seed.key(account.accountId, ['publish']);
    const text = await (await openSse(maker.client, WATCH, { castId: await start(echo) })).text();
    assert.match(text, /"code":"FORBIDDEN"/);
  });

  describe('a stream that is left', () => {
    it('ends its watcher although the cast goes on', async () => {
      await waitUntil('no watcher before', SOON_MS, async () => (await watchers()) === 0);
      const leave = new AbortController();
      const response = await openSse(account.client, WATCH, { castId: await start(sleeper) }, leave.signal);
      await response.body?.getReader().read();
      assert.equal(await watchers(), 1);
      leave.abort();
      // The spell sleeps for three seconds, so its end is not what ends the watcher.
      await waitUntil('no watcher', SOON_MS, async () => (await watchers()) === 0);
    });
  });

  it('the stream of a revoked key ends within 5 seconds', async () => {
    const endless = await seed.spell(account, { guest: 'endless', runtime: { timeout_ms: 20_000 } });
    const viewer = await seed.key(account.accountId, ['read']);
    const castId = await start(endless);
    const response = await openSse(viewer.client, WATCH, { castId });
    const reader = response.body?.getReader();
    assert.ok(reader);
    await reader.read();
    await account.client.get(RevokeApiKeyDocument, { input: { prefix: viewer.keyPrefix } });
    const startedMs = performance.now();
    const ended = (async () => {
      while (!(await reader.read().catch(() => ({ done: true }))).done);
    })();
    const late = new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error('still open after 5 s')), 5_000).unref(),
    );
    try {
      await Promise.race([ended, late]);
      assert.ok(performance.now() - startedMs < 5_000);
    } finally {
      await account.client.askText('mutation ($id: ID!) { cancelCast(input: {id: $id}) { cast { id } } }', {
        id: castId,
      });
    }
  });
});

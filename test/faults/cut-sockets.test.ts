import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { print } from 'graphql';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { watchOn, type ApiClient, type CastEvent } from '../support/client.js';
import { CastEventsDocument, type CastEventsSubscription } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { spawnProcess } from '../support/processes.js';
import { assertGapless, assertSettled, finalOf, outputOf, startCast } from './support.js';

const CASTS = 200;
const CUTS_PER_STREAM = 2;
// Every fourth cast is watched over server-sent events.
const SSE_SHARE = 4;
const TICKS = Array.from({ length: 10 }, (_, i) => `tick ${String.fromCharCode(48 + i)}\n`);
// Queued, started, five pieces of output and five of log come before the final one.
const EVENTS_BEFORE_FINAL = 12;

/** One connection, which `cut` ends without a farewell. */
interface Connection {
  events: AsyncIterable<CastEvent>;
  cut(): void;
}

type Connect = (client: ApiClient, castId: string, after?: string) => Connection;

const overSocket: Connect = (client, castId, after) => {
  const opened: WebSocket[] = [];
  class CutSocket extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args);
      opened.push(this);
    }
  }
  const socket = createClient({
    url: `${client.url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: CutSocket,
    connectionParams: { authorization: `Bearer ${client.apiKey}` },
    retryAttempts: 0,
  });
  return { events: watchOn(socket, castId, after), cut: () => opened.forEach((one) => one.terminate()) };
};

const overSse: Connect = (client, castId, after) => {
  const sse = createSseClient({
    url: `${client.url}/graphql`,
    headers: { authorization: `Bearer ${client.apiKey}` },
    retryAttempts: 0,
  });
  return { events: sseEvents(sse, castId, after), cut: () => sse.dispose() };
};

async function* sseEvents(
  sse: ReturnType<typeof createSseClient>,
  castId: string,
  after?: string,
): AsyncGenerator<CastEvent> {
  const operation = { query: print(CastEventsDocument), variables: { castId, after } };
  for await (const { data } of sse.iterate<CastEventsSubscription>(operation))
    if (data) yield data.castEvents;
}

/** Watches a cast over one connection after the other; all but the last are cut after a random number of events. */
async function watchThroughCuts(
  client: ApiClient,
  castId: string,
  connect: Connect,
): Promise<{ events: CastEvent[]; cuts: number }> {
  const events: CastEvent[] = [];
  const isDone = () => events.at(-1)?.__typename === 'CastFinished';
  let cuts = 0;
  while (!isDone()) {
    const left = EVENTS_BEFORE_FINAL - events.length - 1;
    const cutAfter = cuts < CUTS_PER_STREAM && left > 0 ? Math.floor(Math.random() * left) : Infinity;
    const connection = connect(client, castId, events.at(-1)?.cursor);
    let seen = 0;
    try {
      for await (const event of connection.events) {
        events.push(event);
        seen += 1;
        if (seen <= cutAfter) continue;
        cuts += 1;
        connection.cut();
        break;
      }
    } catch {
      assert.ok(seen > cutAfter, 'a connection that nobody cut goes on to the end');
    }
  }
  return { events, cuts };
}

describe('connections that are cut', async () => {
  const { seed, environment, app } = await startHarness({ roles: ['api'] });
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const [spell] = await Promise.all([
    seed.spell(maker, { guest: 'quick' }),
    spawnProcess('worker', { ...environment, SPELL_SANDBOXES: '4' }),
  ]);

  it(`of ${CASTS} casts every event is seen once, in order, the final one last`, async (test) => {
    const ids = await Promise.all(Array.from({ length: CASTS }, () => startCast(client, { spell })));
    const watched = await Promise.all(
      ids.map((id, index) => watchThroughCuts(client, id, index % SSE_SHARE === 0 ? overSse : overSocket)),
    );
    for (const { events, cuts } of watched) {
      assertGapless(events);
      const cast = finalOf(events);
      assert.equal(cast.status, 'SUCCEEDED');
      assert.equal(cast.output, TICKS.filter((_, index) => index % 2 === 0).join(''));
      assert.equal(outputOf(events, cast.attempts), cast.output);
      assert.ok(cuts > 0, 'every connection was cut before the final event');
    }
    test.diagnostic(`${watched.reduce((sum, { cuts }) => sum + cuts, 0)} cuts`);
    await assertSettled(app.database, 5_000);
  });
});

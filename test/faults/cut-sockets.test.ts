import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { watchOn, type ApiClient, type CastEvent } from '../support/client.js';
import { startHarness } from '../support/harness.js';
import { spawnProcess } from '../support/processes.js';
import { assertGapless, assertSettled, delay, finalOf, outputOf, startCast } from './support.js';

const CASTS = 200;
const WATCHERS_PER_SOCKET = 20;
const CUTS_PER_SOCKET = 4;
const TICKS = Array.from({ length: 10 }, (_, i) => `tick ${String.fromCharCode(48 + i)}\n`);

/** Watches these casts over one socket, which is cut again and again; every stream goes on from its own last cursor. */
async function watchThroughCuts(
  client: ApiClient,
  ids: string[],
): Promise<{ streams: CastEvent[][]; cuts: number }> {
  const streams: CastEvent[][] = ids.map(() => []);
  const isDone = (events: CastEvent[]) => events.at(-1)?.__typename === 'CastFinished';
  let cuts = 0;
  while (!streams.every(isDone)) {
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
    const follow = async (events: CastEvent[], id: string) => {
      if (isDone(events)) return;
      try {
        for await (const event of watchOn(socket, id, events.at(-1)?.cursor)) events.push(event);
      } catch {
        // The socket was cut.
      }
    };
    const following = Promise.all(streams.map((events, index) => follow(events, ids[index] ?? '')));
    if (cuts < CUTS_PER_SOCKET) {
      await Promise.race([following, delay(30 + Math.random() * 700)]);
      for (const open of opened) open.terminate();
      cuts += 1;
    }
    await following;
    await socket.dispose();
  }
  return { streams, cuts };
}

describe('sockets that are cut', async () => {
  const { seed, environment, app } = await startHarness({ roles: ['api'] });
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const [spell] = await Promise.all([
    seed.spell(maker, { guest: 'quick' }),
    spawnProcess('worker', { ...environment, SPELL_SANDBOXES: '4' }),
  ]);

  it(`of ${CASTS} casts every event is seen once, in order, the final one last`, async (test) => {
    const ids = await Promise.all(Array.from({ length: CASTS }, () => startCast(client, { spell })));
    const groups = Array.from({ length: CASTS / WATCHERS_PER_SOCKET }, (_, index) =>
      ids.slice(index * WATCHERS_PER_SOCKET, (index + 1) * WATCHERS_PER_SOCKET),
    );
    const watched = await Promise.all(groups.map((group) => watchThroughCuts(client, group)));
    const streams = watched.flatMap((group) => group.streams);
    assert.equal(streams.length, CASTS);
    for (const events of streams) {
      assertGapless(events);
      const cast = finalOf(events);
      assert.equal(cast.status, 'SUCCEEDED');
      assert.equal(cast.output, TICKS.filter((_, index) => index % 2 === 0).join(''));
      assert.equal(outputOf(events, cast.attempts), cast.output);
    }
    const cuts = watched.reduce((sum, group) => sum + group.cuts, 0);
    test.diagnostic(`${cuts} cuts over ${groups.length} sockets`);
    assert.ok(cuts >= groups.length, 'every socket was cut');
    await assertSettled(app.database, 5_000);
  });
});

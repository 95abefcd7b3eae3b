import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger, connectRedis } from '../../../src/platform/index.js';
import { watchOn, type ApiClient, type CastEvent } from '../../support/client.js';
import { CastDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { runCast } from '../cast/run-cast.js';

describe('castEvents', async () => {
  const { seed, client: clientOf, config } = await startHarness();
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast', 'read']);
  const { client } = caster;
  const [ticker, halves, echo, bytes, large, trap] = await Promise.all([
    seed.spell(maker, { guest: 'ticker' }),
    seed.spell(maker, { guest: 'halves' }),
    seed.spell(maker, { guest: 'echo' }),
    seed.spell(maker, { guest: 'echo', input: 'bytes', output: 'bytes' }),
    seed.spell(maker, { guest: 'big' }),
    seed.spell(maker, { guest: 'trap' }),
  ]);
  const start = async (spell: string, input?: string) =>
    (await client.get(CastDocument, { input: { spell, input } })).cast.cast.id;
  const place = ({ cursor }: CastEvent) => cursor.split('-').map(Number) as [number, number];
  const isRising = (events: CastEvent[]) =>
    events.every((event, index) => {
      const before = events[index - 1];
      if (before === undefined) return true;
      const [[attempt, n], [attemptBefore, nBefore]] = [place(event), place(before)];
      return attempt > attemptBefore || (attempt === attemptBefore && n > nBefore);
    });
  const outputOf = (events: CastEvent[]) =>
    Buffer.concat(
      events.flatMap((event) =>
        event.__typename === 'CastOutput' ? [Buffer.from(event.base64, 'base64')] : [],
      ),
    );

  it('ok: sequence is 1 to n without a gap, cursors only rise, the output is whole', async () => {
    const events = await client.watch(await start(ticker));
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, index) => index + 1),
    );
    assert.ok(isRising(events));
    assert.deepEqual(
      events.slice(0, 2).map(({ __typename }) => __typename),
      ['CastQueued', 'CastStarted'],
    );
    assert.equal(events[0]?.cursor, '0-1');
    assert.equal(events[1]?.cursor, '1-1');
    assert.deepEqual(
      events.map(({ attempt }) => attempt),
      [0, ...events.slice(1).map(() => 1)],
    );
    const last = events.at(-1);
    assert.ok(last?.__typename === 'CastFinished');
    assert.equal(last.cursor, '1-4294967295');
    assert.equal(outputOf(events).toString(), last.cast.output);
    const logs = events.flatMap((event) => (event.__typename === 'CastLog' ? [event.text] : [])).join('');
    assert.equal(logs.length, 20 * 7);
    assert.ok(
      events.filter(({ __typename }) => __typename === 'CastOutput').length > 10,
      'it is streamed, not sent at the end',
    );
  });

  it('ok: events come while it runs, not when it ends', async () => {
    const id = await start(ticker);
    const socket = client.openSocket();
    const seenMs: number[] = [];
    for await (const event of watchOn(socket, id)) {
      if (event.__typename === 'CastOutput') seenMs.push(performance.now());
    }
    await socket.dispose();
    const spreadMs = (seenMs.at(-1) ?? 0) - (seenMs[0] ?? 0);
    assert.ok(spreadMs > 100, `all output came within ${Math.round(spreadMs)} ms of a run of 800`);
  });

  it('ok: resumed after any single cursor, exactly the rest comes', async () => {
    const id = await start(ticker);
    const all = await client.watch(id);
    const socket = client.openSocket();
    try {
      const resumed = await Promise.all(all.map((event) => collect(watchOn(socket, id, event.cursor))));
      resumed.forEach((rest, index) =>
        assert.deepEqual(rest, all.slice(index + 1), `after event ${index + 1}`),
      );
    } finally {
      await socket.dispose();
    }
  });

  it('ok: resumed in the middle of the run, nothing is lost or seen twice', async () => {
    const id = await start(ticker);
    const seen: CastEvent[] = [];
    while (seen.at(-1)?.__typename !== 'CastFinished') {
      const socket = client.openSocket();
      let left = 4;
      for await (const event of watchOn(socket, id, seen.at(-1)?.cursor)) {
        seen.push(event);
        left -= 1;
        if (left === 0) break;
      }
      await socket.dispose();
    }
    assert.deepEqual(
      seen.map(({ sequence }) => sequence),
      seen.map((_, index) => index + 1),
    );
    assert.deepEqual(seen, await client.watch(id));
  });

  it('ok: after the final cursor the subscription completes at once, with nothing', async () => {
    const id = await start(echo, 'x');
    const last = (await client.watch(id)).at(-1);
    const startedMs = performance.now();
    assert.deepEqual(await client.watch(id, last?.cursor), []);
    assert.ok(performance.now() - startedMs < 5_000);
  });

  it('ok: an ended cast is replayed whole, and at once', async () => {
    const id = await start(ticker);
    const live = await client.watch(id);
    const startedMs = performance.now();
    assert.deepEqual(await client.watch(id), live);
    assert.ok(performance.now() - startedMs < 5_000);
  });

  it('ok: two watchers and one over server-sent events see the same', async () => {
    const id = await start(ticker);
    const [one, two, sse] = await Promise.all([client.watch(id), client.watch(id), watchSse(client, id)]);
    assert.deepEqual(one, two);
    assert.deepEqual(
      sse,
      one.map(({ cursor, sequence }) => ({ cursor, sequence })),
    );
  });

  it('ok: a multi-byte character is never split', async () => {
    const events = await client.watch(await start(halves));
    const outputs = events.flatMap((event) => (event.__typename === 'CastOutput' ? [event] : []));
    assert.deepEqual(
      outputs.map(({ text }) => text),
      ['€'],
    );
    const text = '🪄é'.repeat(60_000);
    const long = await client.watch(await start(echo, text));
    const pieces = long.flatMap((event) => (event.__typename === 'CastOutput' ? [event] : []));
    assert.ok(pieces.length > 1);
    assert.equal(pieces.map((piece) => piece.text).join(''), text);
    for (const { base64 } of pieces) assert.ok(Buffer.from(base64, 'base64').length <= 64 * 1024);
  });

  it('ok: bytes that are no UTF-8 come in base64, with text null', async () => {
    const input = Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xe2, 0x82]);
    const { cast } = await client.get(CastDocument, {
      input: { spell: bytes, inputBase64: input.toString('base64') },
    });
    const events = await client.watch(cast.cast.id);
    assert.deepEqual(outputOf(events), input);
    assert.ok(events.some((event) => event.__typename === 'CastOutput' && event.text === null));
  });

  it('ok: more output than fits into the answer is streamed whole', async () => {
    const events = await client.watch(await start(large));
    assert.equal(outputOf(events).length, 300 * 1024);
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, index) => index + 1),
    );
  });

  it('ok: Cast.events gives the same events in pages', async () => {
    const id = await start(ticker);
    const live = await client.watch(id);
    for (const first of [1, 7, 100]) {
      const paged: { cursor: string; sequence: number; __typename: string }[] = [];
      let after: string | null = null;
      for (;;) {
        const { edges, pageInfo }: EventPage = await readPage(client, id, first, after);
        assert.ok(edges.length <= first);
        for (const { cursor, node } of edges) {
          assert.equal(cursor, node.cursor);
          paged.push(node);
        }
        assert.equal(pageInfo.endCursor, edges.at(-1)?.cursor ?? null);
        if (!pageInfo.hasNextPage) break;
        after = pageInfo.endCursor;
      }
      assert.deepEqual(
        paged,
        live.map(({ cursor, sequence, __typename }) => ({ cursor, sequence, __typename })),
      );
    }
  });

  it('ok: when the stream has expired, CastQueued and CastFinished still come', async () => {
    const id = await start(ticker);
    const live = await client.watch(id);
    const redis = connectRedis(config.redisUrl, createLogger({ level: 'silent', name: 'test' }), 'test');
    try {
      assert.equal(await redis.del(`${config.redisPrefix}:stream:cast:${id}`), 1);
    } finally {
      redis.disconnect();
    }
    const expected = [live[0], live.at(-1)];
    assert.deepEqual(await client.watch(id), expected);
    assert.deepEqual(await client.watch(id, live[10]?.cursor), [live.at(-1)]);
    const { edges } = await readPage(client, id, 100, null);
    assert.deepEqual(
      edges.map(({ cursor }) => cursor),
      expected.map((event) => event?.cursor),
    );
  });

  it('ok: a failed cast ends with its error in the final event', async () => {
    const last = (await client.watch(await start(trap))).at(-1);
    assert.ok(last?.__typename === 'CastFinished');
    assert.equal(last.cast.error?.code, 'TRAP');
  });

  it('ok: a hundred casts over one socket, each stream in its own order', async () => {
    const ids = await Promise.all(Array.from({ length: 100 }, (_, index) => start(echo, `cast ${index}`)));
    const socket = client.openSocket();
    try {
      const streams = await Promise.all(ids.map((id) => collect(watchOn(socket, id))));
      streams.forEach((events, index) => {
        assert.deepEqual(
          events.map(({ sequence }) => sequence),
          [1, 2, 3, 4],
        );
        assert.equal(outputOf(events).toString(), `cast ${index}`);
      });
    } finally {
      await socket.dispose();
    }
  });

  it('bad input: what is no cursor', async () => {
    const id = await start(echo, 'x');
    for (const after of ['', 'nonsense', '1', '1-', '-1', '1-2-3', '1-4294967296', '0x1-1', '1-1 ']) {
      await assert.rejects(client.watch(id, after), (error) => codeIn(error) === 'BAD_USER_INPUT', after);
    }
  });

  it('not found, forbidden', async () => {
    const { id } = await runCast(client, { spell: echo, input: 'x' });
    const stranger = await seed.account(['admin']);
    await assert.rejects(stranger.client.watch(id), (error) => codeIn(error) === 'NOT_FOUND');
    await assert.rejects(client.watch('nonsense'), (error) => codeIn(error) === 'NOT_FOUND');
    const publisher = await seed.key(caster.accountId, ['publish']);
    await assert.rejects(publisher.client.watch(id), (error) => codeIn(error) === 'FORBIDDEN');
    await assert.rejects(clientOf().watch(id));
  });
});

async function collect(events: AsyncIterable<CastEvent>): Promise<CastEvent[]> {
  const all: CastEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** The code in whatever the socket client throws: an array of errors, or an error that carries them. */
function codeIn(error: unknown): string | undefined {
  const errors = Array.isArray(error) ? error : ((error as { errors?: unknown[] }).errors ?? []);
  return (errors[0] as { extensions?: { code?: string } } | undefined)?.extensions?.code;
}

async function watchSse(client: ApiClient, castId: string): Promise<{ cursor: string; sequence: number }[]> {
  const query = 'subscription ($castId: ID!) { castEvents(castId: $castId) { cursor sequence } }';
  const response = await client.fetch('/graphql', {
    method: 'POST',
    headers: { accept: 'text/event-stream' },
    body: JSON.stringify({ query, variables: { castId } }),
  });
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  const text = await response.text();
  assert.match(text, /event: complete/);
  const lines = text.split('\n').filter((line) => line.startsWith('data: {'));
  return lines.map((line) => {
    const { data } = JSON.parse(line.slice('data: '.length)) as {
      data: { castEvents: { cursor: string; sequence: number } };
    };
    return data.castEvents;
  });
}

interface EventPage {
  edges: { cursor: string; node: { cursor: string; sequence: number; __typename: string } }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

async function readPage(
  client: ApiClient,
  id: string,
  first: number,
  after: string | null,
): Promise<EventPage> {
  const query = `query ($id: ID!, $first: Int, $after: String) { cast(id: $id) { events(first: $first, after: $after) {
    edges { cursor node { __typename cursor sequence } } pageInfo { hasNextPage endCursor } } } }`;
  const { data } = await client.askText<{ cast: { events: EventPage } }>(query, { id, first, after });
  assert.ok(data);
  return data.cast.events;
}

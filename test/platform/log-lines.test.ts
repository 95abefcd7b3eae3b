import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startHarness } from '../support/harness.js';
import { ApiClient, watchOn } from '../support/client.js';
import { CastDocument } from '../support/gql/graphql.js';
import { newId, systemClock } from '../../src/platform/index.js';
import { RawSocket } from '../graphql/raw-socket.js';
import { startProcess } from './output-of.js';

interface Line {
  msg: string;
  requestId?: string;
  accountId?: string;
  operation?: string;
  transport?: string;
  status?: string;
  latencyMs?: number;
  castId?: string;
}

describe('log lines', async () => {
  const { seed, environment } = await startHarness({ roles: ['api'] });
  const api = startProcess('api', { ...environment, SPELL_LOG_LEVEL: 'info' });
  const url = await api.ready;
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { guest: 'echo', input: 'text' });
  const casters = await Promise.all([1, 2].map(() => seed.account(['cast'])));
  const clients = casters.map(({ apiKey }) => new ApiClient(url, apiKey));
  const lines = (): Line[] =>
    api
      .said()
      .stdout.split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line);

  it('carry the fields of one request, of one account', async () => {
    const input = { spell, input: 'x' };
    await Promise.all(
      Array.from({ length: 50 }, () => clients.map((client) => client.get(CastDocument, { input }))).flat(),
    );
    // A line is written after its answer was sent.
    while (lines().filter(({ msg }) => msg === 'http request').length < 100) await delay(20);
    const accounts = new Map<string, Set<string>>();
    for (const { requestId, accountId } of lines())
      if (requestId !== undefined && accountId !== undefined)
        accounts.set(requestId, (accounts.get(requestId) ?? new Set()).add(accountId));
    assert.ok(accounts.size >= 100);
    for (const [requestId, ids] of accounts) assert.equal(ids.size, 1, requestId);
    for (const line of lines())
      if (line.msg === 'http request') assert.equal(line.transport, undefined, 'a field of another line');
  });

  it('tell what came of an operation, also over a socket', async () => {
    const [client] = clients;
    assert.ok(client);
    const stranger = newId(systemClock);
    const socket = client.openSocket();
    await assert.rejects(async () => {
      for await (const event of watchOn(socket, stranger)) assert.fail(event.cursor);
    });
    await socket.dispose();
    const raw = await RawSocket.authenticated(url, client.apiKey ?? '');
    raw.subscribe('1', 'mutation { cast(input: { spell: "com.example.none" }) { cast { id } } }');
    await raw.message(({ type }) => type === 'complete' || type === 'error');
    raw.subscribe('2', '{ nothing }');
    await raw.message(({ type, id }) => id === '2' && type === 'error');
    await raw.close();
    await client
      .fetch('/graphql', {
        method: 'POST',
        headers: { accept: 'text/event-stream' },
        body: JSON.stringify({ query: `subscription { castEvents(castId: "${stranger}") { cursor } }` }),
      })
      .then((response) => response.text());
    while (lines().filter(({ transport }) => transport === 'sse').length < 1) await delay(20);
    const told = lines()
      .filter(({ msg, transport }) => msg === 'graphql operation' && transport !== 'http')
      .map(({ operation, transport, status }) => [operation, transport, status]);
    assert.deepEqual(told, [
      ['castEvents', 'ws', 'NOT_FOUND'],
      ['cast', 'ws', 'NOT_FOUND'],
      ['invalid', 'ws', 'BAD_USER_INPUT'],
      ['castEvents', 'sse', 'NOT_FOUND'],
    ]);
  });
});

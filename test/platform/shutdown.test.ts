import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startHarness } from '../support/harness.js';
import { ApiClient } from '../support/client.js';
import { CastDocument, ViewerDocument } from '../support/gql/graphql.js';
import { RawSocket } from '../graphql/raw-socket.js';
import { openSse } from '../graphql/transports.js';
import { startProcess } from './output-of.js';

const STOPS_WITHIN_MS = 5_000;

describe('an API process that is told to stop', async () => {
  const { seed, environment, app } = await startHarness({ roles: ['api'] });
  const account = await seed.account(['admin']);
  const spell = await seed.spell(account, { guest: 'echo' });
  const { cast } = await account.client.get(CastDocument, { input: { spell, input: 'x' } });
  const watch = `subscription { castEvents(castId: "${cast.cast.id}") { cursor } }`;

  async function stopWith(open: (client: ApiClient) => Promise<void>): Promise<void> {
    const api = startProcess('api', { ...environment, SPELL_LOG_LEVEL: 'info' });
    const client = new ApiClient(await api.ready, account.apiKey);
    await client.get(ViewerDocument, {});
    await open(client);
    const startedMs = performance.now();
    api.child.kill('SIGTERM');
    const end = await Promise.race([
      api.ended,
      new Promise<string>((resolve) => setTimeout(() => resolve('still runs'), STOPS_WITHIN_MS).unref()),
    ]);
    assert.deepEqual(
      end,
      { code: 0, signal: null },
      `after ${Math.round(performance.now() - startedMs)} ms: ${api.said().stderr}`,
    );
  }

  it('stops with code 0 when nobody is connected', () => stopWith(async () => undefined));

  it('stops with code 0 and answers every cast that it accepted', async () => {
    const countCasts = async () => {
      const [row] = await app.database.query<{ count: number }[]>(
        `SELECT count(*)::int AS count FROM casts WHERE account_id = $1`,
        [account.accountId],
      );
      return row?.count ?? 0;
    };
    const before = await countCasts();
    const casts: Promise<boolean>[] = [];
    // A request that meets a closing connection was never read, and its client may send it again.
    const isAccepted = (client: ApiClient) =>
      client.ask(CastDocument, { input: { spell, input: 'x' } }).then(
        ({ data }) => data !== null,
        () => false,
      );
    await stopWith(async (client) => {
      for (let count = 0; count < 300; count += 1) casts.push(isAccepted(client));
      await casts[0];
    });
    const accepted = (await Promise.all(casts)).filter(Boolean).length;
    assert.ok(accepted > 0);
    assert.equal(accepted, (await countCasts()) - before);
  });

  it('stops with code 0 and lets go of who waits for a long cast', async () => {
    await stopWith(async (client) => {
      const body = JSON.stringify({ spell_name: spell, payload: 'x' });
      void client.fetch('/v1/cast', { method: 'POST', body }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
  });

  it('stops with code 0 and closes the sockets that are open, with 1001', async () => {
    let socket: RawSocket | null = null;
    await stopWith(async (client) => {
      socket = await RawSocket.authenticated(client.url, account.apiKey);
      socket.subscribe('1', watch);
      await socket.message(({ type }) => type === 'next');
    });
    assert.equal((await (socket as RawSocket | null)?.closed)?.code, 1001);
  });

  it('stops with code 0 and ends the streams that are open', async () => {
    await stopWith(async (client) => {
      const response = await openSse(client, watch);
      await response.body?.getReader().read();
    });
  });
});

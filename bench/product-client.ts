import type { Caster } from './measure.js';
import { SPELL_KEY } from './product.js';
import { HttpClient } from './http-client.js';
import { SocketClient } from './socket-client.js';

export interface ClientOptions {
  graphql: string;
  ws: string;
  /** Casts go round these in turn: one key of one account, or a key of each of many accounts. */
  apiKeys: string[];
  /**
   * `socket`: everything over one WebSocket per key. `http`: the mutation by HTTP, the events over the WebSocket.
   * `accept` and `accept-socket`: the mutation alone, without waiting for the end.
   */
  way: 'socket' | 'http' | 'accept' | 'accept-socket';
}

const INPUT = { spell: SPELL_KEY, input: 'to be or not to be' };
const CAST = `mutation ($input: CastInput!) { cast(input: $input) { cast { id } } }`;
const WATCH = `subscription ($castId: ID!) { castEvents(castId: $castId) { __typename ... on CastFinished { cast { status error { code message } } } } }`;

interface Accepted {
  data?: { cast: { cast: { id: string } } };
}
interface Watched {
  data?: { castEvents: { cast?: { status: string } } };
}

/** Uses the product as an outsider would, with a client that costs as little as a client can. */
export async function openProductClient(options: ClientOptions): Promise<Caster> {
  const { apiKeys, way } = options;
  const http = new HttpClient(options.graphql, JSON.stringify({ query: CAST, variables: { input: INPUT } }));
  const sockets =
    way === 'accept' ? [] : await Promise.all(apiKeys.map((key) => SocketClient.open(options.ws, key)));
  let next = 0;

  return {
    castOnce: async () => {
      next += 1;
      const at = next % apiKeys.length;
      const socket = sockets[at];
      const accepted =
        way === 'socket' || way === 'accept-socket'
          ? ((await socket?.once(CAST, { input: INPUT })) as Accepted)
          : ((await http.post(apiKeys[at] ?? '')) as Accepted);
      const castId = accepted.data?.cast.cast.id;
      if (castId === undefined) throw new Error(`the cast was not accepted: ${JSON.stringify(accepted)}`);
      if (socket === undefined || way === 'accept-socket') return;
      const last = (await socket.once(WATCH, { castId })) as Watched;
      const status = last.data?.castEvents.cast?.status;
      if (status !== 'SUCCEEDED')
        throw new Error(`the stream of the cast ended with ${JSON.stringify(last)}`);
    },
    close: () => {
      for (const socket of sockets) socket.close();
      http.close();
      return Promise.resolve();
    },
  };
}

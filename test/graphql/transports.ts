import { after } from 'node:test';
import type { ApiClient, GraphqlError } from '../support/client.js';
import { RawSocket } from './raw-socket.js';

export interface Refusal {
  /** The HTTP status; a socket has none. */
  status: number | null;
  errors: GraphqlError[];
}

export interface Transport {
  name: 'HTTP' | 'WebSocket' | 'SSE';
  /** What is answered to an operation that must not be done. */
  refusal(client: ApiClient, query: string, variables?: object): Promise<Refusal>;
}

export const TRANSPORTS: readonly Transport[] = [
  {
    name: 'HTTP',
    async refusal(client, query, variables) {
      const { status, errors } = await client.askText(query, variables);
      return { status, errors };
    },
  },
  {
    name: 'WebSocket',
    async refusal(client, query, variables) {
      const socket = await RawSocket.authenticated(client.url, client.apiKey ?? '');
      try {
        socket.subscribe('1', query, variables);
        const { type, payload } = await socket.message(({ id }) => id === '1');
        const errors = type === 'error' ? payload : (payload as { errors?: unknown } | undefined)?.errors;
        return { status: null, errors: (errors ?? []) as GraphqlError[] };
      } finally {
        await socket.close();
      }
    },
  },
  {
    name: 'SSE',
    async refusal(client, query, variables) {
      const response = await openSse(client, query, variables);
      const text = await response.text();
      if (response.headers.get('content-type')?.startsWith('application/json')) {
        return { status: response.status, errors: (JSON.parse(text) as { errors: GraphqlError[] }).errors };
      }
      const result = readSse(text).find(({ event }) => event === 'next');
      const { errors } = JSON.parse(result?.data ?? '{}') as { errors?: GraphqlError[] };
      return { status: response.status, errors: errors ?? [] };
    },
  },
];

export function openSse(
  client: ApiClient,
  query: unknown,
  variables: object = {},
  signal?: AbortSignal,
): Promise<Response> {
  const end = new AbortController();
  // A test that fails half-way must not leave a stream that keeps the server from stopping.
  after(() => end.abort());
  const body = JSON.stringify({ query, variables });
  const either = signal === undefined ? end.signal : AbortSignal.any([end.signal, signal]);
  return client.fetch('/graphql', {
    method: 'POST',
    headers: { accept: 'text/event-stream' },
    body,
    signal: either,
  });
}

/** The events of a finished stream; comments that keep it alive are left out. */
export function readSse(text: string): { event: string; data: string }[] {
  return text
    .split('\n\n')
    .map((block) => block.split('\n').filter((line) => !line.startsWith(':')))
    .filter((lines) => lines.some((line) => line.startsWith('event: ')))
    .map((lines) => ({
      event: lines.find((line) => line.startsWith('event: '))?.slice('event: '.length) ?? '',
      data: lines.find((line) => line.startsWith('data: '))?.slice('data: '.length) ?? '',
    }));
}

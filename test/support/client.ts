import { print } from 'graphql';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { createClient, type Client } from 'graphql-ws';
import WebSocket from 'ws';
import { CastEventsDocument, type CastEventsSubscription } from './gql/graphql.js';

export interface GraphqlError {
  message: string;
  path?: (string | number)[];
  extensions: { code: string; requestId: string | null; [detail: string]: unknown };
}

export interface GraphqlAnswer<Data> {
  status: number;
  data: Data | null;
  errors: GraphqlError[];
}

export type CastEvent = CastEventsSubscription['castEvents'];

/** A typed client of the API as outsiders see it: HTTP, REST and WebSocket. */
export class ApiClient {
  readonly url: string;
  readonly apiKey: string | null;

  constructor(url: string, apiKey: string | null) {
    this.url = url;
    this.apiKey = apiKey;
  }

  /** The whole answer, errors included. */
  async ask<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<GraphqlAnswer<Data>> {
    return this.askText<Data>(print(document), variables);
  }

  async askText<Data = Record<string, unknown>>(
    query: string,
    variables?: unknown,
  ): Promise<GraphqlAnswer<Data>> {
    const response = await this.fetch('/graphql', {
      method: 'POST',
      body: JSON.stringify({ query, variables }),
    });
    const body = (await response.json()) as { data?: Data | null; errors?: GraphqlError[] };
    return { status: response.status, data: body.data ?? null, errors: body.errors ?? [] };
  }

  /** The data; throws when there are errors. */
  async get<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    const { data, errors } = await this.ask(document, variables);
    if (errors.length > 0 || data === null) throw new Error(`unexpected: ${JSON.stringify(errors)}`);
    return data;
  }

  /** The code of the first error; throws when there is none. */
  async refusal<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<GraphqlError> {
    const { errors } = await this.ask(document, variables);
    const [first] = errors;
    if (first === undefined) throw new Error('expected a refusal, but it was done');
    return first;
  }

  /** A REST request with the key, as JSON unless said otherwise. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.apiKey !== null && !headers.has('authorization'))
      headers.set('authorization', `Bearer ${this.apiKey}`);
    if (init.body !== undefined && !headers.has('content-type'))
      headers.set('content-type', 'application/json');
    return fetch(path.startsWith('http') ? path : `${this.url}${path}`, { ...init, headers });
  }

  /** A socket of its own, authenticated with the key. Never retries: a cut is for the test to see. */
  openSocket(): Client {
    return createClient({
      url: `${this.url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: this.apiKey === null ? {} : { authorization: `Bearer ${this.apiKey}` },
      retryAttempts: 0,
    });
  }

  /** Every event of a cast to its end, over a socket of its own. */
  async watch(castId: string, after?: string): Promise<CastEvent[]> {
    const socket = this.openSocket();
    try {
      const events: CastEvent[] = [];
      for await (const event of watchOn(socket, castId, after)) events.push(event);
      return events;
    } finally {
      await socket.dispose();
    }
  }
}

/** The events of a cast over an open socket; throws what the server refuses. */
export async function* watchOn(
  socket: Client,
  castId: string,
  after?: string,
): AsyncGenerator<CastEvent, void, void> {
  const query = print(CastEventsDocument);
  for await (const result of socket.iterate<CastEventsSubscription>({
    query,
    variables: { castId, after },
  })) {
    if (result.errors !== undefined)
      throw Object.assign(new Error(result.errors[0]?.message), { errors: result.errors });
    if (result.data) yield result.data.castEvents;
  }
}

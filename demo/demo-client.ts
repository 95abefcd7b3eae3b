import { createClient, type Client } from 'graphql-ws';
import WebSocket from 'ws';

export interface DemoEvent {
  __typename: 'CastQueued' | 'CastStarted' | 'CastOutput' | 'CastLog' | 'CastRetried' | 'CastFinished';
  cursor: string;
  attempt: number;
  text?: string | null;
  base64?: string;
  cast?: { status: string; fuelUsed: string | null; costMicros: string | null; durationMs: number | null };
}

const PUBLISH = `mutation ($input: PublishSpellInput!) {
  publishSpell(input: $input) { version { version packageDigest spell { key } } }
}`;
const CAST = `mutation ($input: CastInput!) { cast(input: $input) { cast { id } } }`;
const SET_BUDGET = `mutation ($input: SetBudgetInput!) { setBudget(input: $input) { budget { id } } }`;
const RECEIPT = `query ($id: ID!) { cast(id: $id) { receipt } }`;
const CANCEL = `mutation ($input: CancelCastInput!) { cancelCast(input: $input) { cast { status } } }`;
const WATCH = `subscription ($castId: ID!, $after: String) {
  castEvents(castId: $castId, after: $after) {
    __typename cursor attempt
    ... on CastOutput { base64 }
    ... on CastLog { text }
    ... on CastFinished { cast { status fuelUsed costMicros durationMs } }
  }
}`;

/** What any outsider would write against the public API: fetch for queries and mutations, graphql-ws for events. */
export class DemoClient {
  readonly #base: string;
  readonly #apiKey: string;
  readonly #socket: Client;

  constructor(url: string, apiKey: string) {
    this.#base = url;
    this.#apiKey = apiKey;
    this.#socket = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${apiKey}` },
    });
  }

  async publish(tar: Buffer): Promise<{ key: string; version: string; packageDigest: string }> {
    const data = await this.#ask<{
      publishSpell: { version: { version: string; packageDigest: string; spell: { key: string } } };
    }>(PUBLISH, { input: { packageBase64: tar.toString('base64') } });
    const { version, packageDigest, spell } = data.publishSpell.version;
    return { key: spell.key, version, packageDigest };
  }

  /** The id of the accepted cast. */
  async cast(input: { spell: string; input?: unknown; inputBase64?: string }): Promise<string> {
    const data = await this.#ask<{ cast: { cast: { id: string } } }>(CAST, { input });
    return data.cast.cast.id;
  }

  async cancel(id: string): Promise<void> {
    await this.#ask(CANCEL, { input: { id } });
  }

  async setBudget(input: {
    scope: string;
    subject: string;
    period: string;
    hardLimitMicros: string;
  }): Promise<void> {
    await this.#ask(SET_BUDGET, { input });
  }

  /** The receipt of a cast; null until it stands in the ledger. */
  async receipt(id: string): Promise<object | null> {
    const data = await this.#ask<{ cast: { receipt: object | null } }>(RECEIPT, { id });
    return data.cast.receipt;
  }

  /** Every event of the cast, to its end. */
  async *watch(castId: string): AsyncGenerator<DemoEvent, void, void> {
    const variables = { castId };
    for await (const result of this.#socket.iterate<{ castEvents: DemoEvent }>({ query: WATCH, variables })) {
      if (result.errors !== undefined)
        throw new Error(result.errors.map((error) => error.message).join('; '));
      if (result.data != null) yield result.data.castEvents;
    }
  }

  post(path: string, body: unknown): Promise<Response> {
    return fetch(`${this.#base}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  async close(): Promise<void> {
    await this.#socket.dispose();
  }

  async #ask<Data>(query: string, variables: unknown): Promise<Data> {
    const response = await this.post('/graphql', { query, variables });
    const { data, errors } = (await response.json()) as { data?: Data; errors?: { message: string }[] };
    if (errors !== undefined || data === undefined) {
      throw new Error(errors?.map((error) => error.message).join('; ') ?? `HTTP ${response.status}`);
    }
    return data;
  }
}

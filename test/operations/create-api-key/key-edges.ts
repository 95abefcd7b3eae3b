import type { ApiClient } from '../../support/client.js';
import {
  ApiKeysDocument,
  CreateApiKeyDocument,
  RevokeApiKeyDocument,
  type KeyPartsFragment,
} from '../../support/gql/graphql.js';
import type { Clock } from '../../../src/platform/index.js';

/** What both edges answer, in one form, so that each outcome is asked of both. */
export interface KeyOutcome {
  code: string | null;
  message: string | null;
  /** The paths of the problems that the refusal names. */
  problems: string[] | null;
  key: Key | null;
  secret: string | null;
}

export type Key = Omit<KeyPartsFragment, '__typename'>;

export interface KeyPage {
  code: string | null;
  keys: Key[];
  next: string | null;
}

interface RestKey {
  id: string;
  prefix: string;
  name: string;
  scopes: string[];
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
}

interface RestAnswer {
  key?: RestKey;
  secret?: string;
  keys?: RestKey[];
  next?: string | null;
  code?: string;
  detail?: string;
  problems?: { path: string }[];
}

export interface KeyEdge {
  name: string;
  create(
    client: ApiClient,
    input: { name: string; scopes: string[]; expiresAt?: string | null },
  ): Promise<KeyOutcome>;
  revoke(client: ApiClient, prefix: string): Promise<KeyOutcome>;
  list(client: ApiClient, page?: { first?: number; after?: string }): Promise<KeyPage>;
}

const graphqlEdge: KeyEdge = {
  name: 'GraphQL',
  async create(client, input) {
    const { data, errors } = await client.ask(CreateApiKeyDocument, { input });
    return graphqlOutcome(data?.createApiKey.apiKey, data?.createApiKey.secret, errors);
  },
  async revoke(client, prefix) {
    const { data, errors } = await client.ask(RevokeApiKeyDocument, { input: { prefix } });
    return graphqlOutcome(data?.revokeApiKey.apiKey, undefined, errors);
  },
  async list(client, page = {}) {
    const { data, errors } = await client.ask(ApiKeysDocument, page);
    const connection = data?.viewer.apiKeys;
    return {
      code: errors[0]?.extensions.code ?? null,
      keys: connection?.edges.map((edge) => edge.node) ?? [],
      next: connection?.pageInfo.hasNextPage === true ? (connection.pageInfo.endCursor ?? null) : null,
    };
  },
};

const restEdge: KeyEdge = {
  name: 'REST',
  async create(client, { name, scopes, expiresAt }) {
    const body = JSON.stringify({ name, scopes, expires_at: expiresAt });
    return restOutcome(await client.fetch('/v1/keys', { method: 'POST', body }));
  },
  async revoke(client, prefix) {
    return restOutcome(await client.fetch(`/v1/keys/${encodeURIComponent(prefix)}`, { method: 'DELETE' }));
  },
  async list(client, page = {}) {
    const query = new URLSearchParams(Object.entries(page).map(([name, value]) => [name, String(value)]));
    const answer = (await (await client.fetch(`/v1/keys?${query}`)).json()) as RestAnswer;
    return { code: answer.code ?? null, keys: (answer.keys ?? []).map(fromRest), next: answer.next ?? null };
  },
};

export const KEY_EDGES: readonly KeyEdge[] = [graphqlEdge, restEdge];

function graphqlOutcome(
  key: Key | undefined,
  secret: string | undefined,
  errors: { message: string; extensions: Record<string, unknown> }[],
): KeyOutcome {
  const [first] = errors;
  return {
    code: (first?.extensions['code'] as string | undefined) ?? null,
    message: first?.message ?? null,
    problems:
      (first?.extensions['problems'] as { path: string }[] | undefined)?.map(({ path }) => path) ?? null,
    key: key ?? null,
    secret: secret ?? null,
  };
}

async function restOutcome(response: Response): Promise<KeyOutcome> {
  const answer = (await response.json()) as RestAnswer;
  return {
    code: answer.code ?? null,
    message: answer.detail ?? null,
    problems: answer.problems?.map(({ path }) => path) ?? null,
    key: answer.key === undefined ? null : fromRest(answer.key),
    secret: answer.secret ?? null,
  };
}

function fromRest(key: RestKey): Key {
  return {
    id: key.id,
    prefix: key.prefix,
    name: key.name,
    scopes: key.scopes,
    createdAt: key.created_at,
    expiresAt: key.expires_at,
    lastUsedAt: key.last_used_at,
    revokedAt: key.revoked_at,
  };
}

/** Real time that a test can push forward. */
export class PushedClock implements Clock {
  #aheadMs = 0;

  now(): Date {
    return new Date(Date.now() + this.#aheadMs);
  }

  push(ms: number): void {
    this.#aheadMs += ms;
  }
}

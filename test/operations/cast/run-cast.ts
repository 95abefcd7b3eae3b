import type { ApiClient } from '../../support/client.js';
import { CastDocument, type CastInput, type CastPartsFragment } from '../../support/gql/graphql.js';

/** Casts, watches to the end over a socket, and answers the cast in its final state. */
export async function runCast(client: ApiClient, input: CastInput): Promise<CastPartsFragment> {
  const { cast } = await client.get(CastDocument, { input });
  return waitForEnd(client, cast.cast.id);
}

export async function waitForEnd(client: ApiClient, castId: string): Promise<CastPartsFragment> {
  const last = (await client.watch(castId, '0-1')).at(-1);
  if (last?.__typename !== 'CastFinished') throw new Error(`cast ${castId} was watched but has not finished`);
  return last.cast;
}

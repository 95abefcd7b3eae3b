import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../../support/client.js';
import { DeleteBudgetDocument, SetBudgetDocument } from '../../support/gql/graphql.js';
import { CHANGING_END_USER, type BudgetChange } from './plan.js';
import type { Stack } from './stack.js';

const KEY = { scope: 'END_USER', subject: CHANGING_END_USER, period: 'MONTHLY' } as const;
// What a client cannot know of a server that was killed, and a budget that is not there.
const EXPECTED = new Set(['UNAVAILABLE', 'INTERNAL', 'NOT_FOUND']);
const ANSWER_WITHIN_MS = 10_000;

/** Sets and deletes a budget while its casts are accepted and settled. Answers what its owner must never be told. */
export async function playChange(
  stack: Stack,
  secret: string,
  { kind, atMs, api, hardLimitMicros }: BudgetChange,
): Promise<string[]> {
  await delay(atMs);
  const client = new ApiClient(stack.urlOf(api), secret);
  const asking =
    kind === 'delete'
      ? client.ask(DeleteBudgetDocument, { input: KEY })
      : client.ask(SetBudgetDocument, { input: { ...KEY, hardLimitMicros: String(hardLimitMicros) } });
  // Who is killed does not answer; the change may be done all the same.
  const answer = await Promise.race([asking, delay(ANSWER_WITHIN_MS, null, { ref: false })]).catch(
    () => null,
  );
  const codes = answer?.errors.map(({ extensions }) => extensions.code) ?? [];
  return codes.filter((code) => !EXPECTED.has(code)).map((code) => `${kind} of a budget answered ${code}`);
}

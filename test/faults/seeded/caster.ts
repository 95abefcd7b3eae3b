import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient, type GraphqlAnswer } from '../../support/client.js';
import { CancelCastDocument, CastDocument } from '../../support/gql/graphql.js';
import type { Step } from './plan.js';
import type { SpellKeys } from './spells.js';
import type { Stack } from './stack.js';
import { watchToEnd, type Watched } from './watch-stream.js';

/** What one client has sent and been told. */
export interface StepRecord {
  step: Step;
  /** Ids of the casts it was answered with. More than one id of a keyed step is a defect. */
  acknowledged: Set<string>;
  /** Requests that may have been accepted: every one that was not certainly refused or never sent. */
  maybeAccepted: number;
  /** Told BUDGET_EXCEEDED. */
  refusals: Record<string, unknown>[];
  watched: Watched[];
  /** What a client must never see. */
  problems: string[];
  log: string[];
}

export interface CasterDeps {
  stack: Stack;
  spells: SpellKeys;
  /** The secrets of the keys, by account and key. */
  secrets: string[][];
}

// A server that does not answer in this time was killed for all the client knows; the request may still be done. Each
// try waits twice as long as the one before: on a machine that is busy with other things, impatience makes it busier.
const ANSWER_WITHIN_MS = 3_000;
const ANSWER_WITHIN_MOST_MS = 48_000;
const SEND_AGAIN_AFTER_MS = 150;
// The longest outage of a run is about two seconds, and much longer on a machine that is busy with other things.
const KEEP_TRYING_MS = 120_000;

/** Does what a client does who wants this cast: sends, sends again after lost answers, cancels, watches. */
export async function playStep(deps: CasterDeps, step: Step): Promise<StepRecord> {
  const record: StepRecord = {
    step,
    acknowledged: new Set(),
    maybeAccepted: 0,
    refusals: [],
    watched: [],
    problems: [],
    log: [],
  };
  const senders = Array.from({ length: step.senders }, (_, index) =>
    playSender(deps, record, step.api + index),
  );
  await Promise.all(senders);
  if (step.isKeyed && record.acknowledged.size > 1)
    record.problems.push(`one idempotency key, two casts: ${[...record.acknowledged].join(', ')}`);
  return record;
}

async function playSender(deps: CasterDeps, record: StepRecord, api: number): Promise<void> {
  const { step } = record;
  const id = await sendUntilAnswered(deps, record, api);
  if (id === null || step.afterwards.kind === 'leave') return;
  const client = () => clientOf(deps, step, api);
  if (step.afterwards.kind === 'cancel') {
    await delay(step.afterwards.afterMs);
    await cancelUntilAnswered(deps, record, id, api);
  }
  record.watched.push(await watchToEnd(client, id, (line) => note(record, line)));
}

/** The cast's id, or null when the budget refused it or the client gave up. */
async function sendUntilAnswered(deps: CasterDeps, record: StepRecord, api: number): Promise<string | null> {
  const { step } = record;
  const triesMax = step.isKeyed ? Infinity : step.isSentAgain ? 2 : 1;
  const giveUpAtMs = performance.now() + KEEP_TRYING_MS;
  for (let tries = 0; tries < triesMax; tries += 1) {
    if (performance.now() > giveUpAtMs) {
      record.problems.push(`not answered within ${KEEP_TRYING_MS} ms`);
      return null;
    }
    if (tries > 0) await delay(SEND_AGAIN_AFTER_MS);
    const answer = await send(deps, record, api, tries);
    if (answer.kind !== 'lost') return answer.kind === 'accepted' ? answer.id : null;
  }
  return null;
}

/** The cast's id; or refused for good; or nobody knows what was done. */
type Sent = { kind: 'accepted'; id: string } | { kind: 'refused' } | { kind: 'lost' };

async function send(deps: CasterDeps, record: StepRecord, api: number, tries: number): Promise<Sent> {
  const { step } = record;
  const input = {
    spell: deps.spells[step.spell],
    input: step.name,
    endUser: step.endUser,
    limits: step.limits,
    ...(step.isKeyed ? { idempotencyKey: step.name } : {}),
  };
  record.maybeAccepted += 1;
  const asking = clientOf(deps, step, api + tries).ask(CastDocument, { input });
  const answer = await askOrLose(record, asking, tries);
  if (answer === null) return { kind: 'lost' };
  const id = answer.data?.cast.cast.id;
  if (id !== undefined) {
    record.acknowledged.add(id);
    note(record, `accepted as ${id}`);
    return { kind: 'accepted', id };
  }
  const { code, ...details } = answer.errors[0]?.extensions ?? { code: 'nothing' };
  note(record, `answered ${code}`);
  if (code === 'UNAVAILABLE' || code === 'INTERNAL') return { kind: 'lost' };
  record.maybeAccepted -= 1;
  if (code === 'BUDGET_EXCEEDED') record.refusals.push(details);
  else record.problems.push(`answered ${code}: ${answer.errors[0]?.message}`);
  return { kind: 'refused' };
}

async function cancelUntilAnswered(
  deps: CasterDeps,
  record: StepRecord,
  id: string,
  api: number,
): Promise<void> {
  const giveUpAtMs = performance.now() + KEEP_TRYING_MS;
  for (let tries = 0; performance.now() < giveUpAtMs; tries += 1) {
    const asking = clientOf(deps, record.step, api + tries).ask(CancelCastDocument, { input: { id } });
    const answer = await askOrLose(record, asking, tries);
    const code = answer?.errors[0]?.extensions.code;
    note(record, `cancel answered ${code ?? answer?.data?.cancelCast.cast.status ?? 'nothing'}`);
    if (answer !== null && code === undefined) return;
    if (code !== undefined && code !== 'UNAVAILABLE' && code !== 'INTERNAL') {
      record.problems.push(`cancel of ${id} answered ${code}`);
      return;
    }
    await delay(SEND_AGAIN_AFTER_MS);
  }
  record.problems.push(`cancel of ${id} not answered within ${KEEP_TRYING_MS} ms`);
}

/** The answer, or null when it was lost: then nobody knows what was done. */
async function askOrLose<Data>(
  record: StepRecord,
  asking: Promise<GraphqlAnswer<Data>>,
  tries: number,
): Promise<GraphqlAnswer<Data> | null> {
  const withinMs = Math.min(ANSWER_WITHIN_MS * 2 ** tries, ANSWER_WITHIN_MOST_MS);
  try {
    const answer = await Promise.race([asking, delay(withinMs, null, { ref: false })]);
    if (answer === null) note(record, `no answer within ${withinMs} ms`);
    return answer;
  } catch (error) {
    const { message, cause } = error as Error;
    note(record, `${message} ${(cause as Error | undefined)?.message ?? ''}`);
    return null;
  }
}

function clientOf(deps: CasterDeps, step: Step, api: number): ApiClient {
  return new ApiClient(deps.stack.urlOf(api), deps.secrets[step.account]?.[step.key] ?? null);
}

function note(record: StepRecord, line: string): void {
  record.log.push(`${new Date().toISOString().slice(11, 23)} ${line}`);
}

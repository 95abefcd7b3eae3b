import { requireScope, type Principal } from '../accounts/index.js';
import {
  isId,
  notFound,
  type Clock,
  type DataSource,
  type EventStreams,
  type JobQueue,
  type PubSub,
} from '../platform/index.js';
import type { VersionResolver } from '../spells/index.js';
import { EVENTS_KEPT_MS, QUEUED_SEQUENCE, isFinal } from './cast.js';
import type { CastEntity } from './cast.entity.js';
import { finishedEvent, streamName, toStreamEntry } from './cast-events.js';
import { chargeWithoutWorker } from './charge-without-worker.js';
import type { CastMetrics } from './cast-metrics.js';
import { findCast, requestCancel } from './cast-store.js';
import { CANCEL_CHANNEL } from './cast-worker.js';
import type { FreshCasts } from './fresh-casts.js';
import type { CastReader } from './read-casts.js';
import { readRunTerms } from './run-terms.js';
import { NOTHING_RAN, type CastSettlements, type Settlement } from './settle-casts.js';
import { watchCast } from './watch-cast.js';

export interface CancelCastDeps {
  database: DataSource;
  clock: Clock;
  pubsub: PubSub;
  streams: EventStreams;
  queue: JobQueue;
  settlements: CastSettlements;
  versions: VersionResolver;
  castReader: CastReader;
  fresh: FreshCasts;
  metrics: CastMetrics;
}

// A running cast stops well within this; the answer then shows it as it is after the stop.
const ANSWER_WITHIN_MS = 1_000;

/** Cancels a cast of this account. A queued one ends here and now, a running one when its worker has killed it. */
export async function cancelCast(
  deps: CancelCastDeps,
  principal: Principal | null,
  input: { id: string },
): Promise<CastEntity> {
  const { accountId } = requireScope(principal, 'cast');
  const { id } = input;
  const cast = isId(id) ? await findCast(deps.database, accountId, id) : null;
  if (cast === null) throw notFound('cast');
  if (isFinal(cast.status)) return cast;
  const isCanceled = cast.status === 'QUEUED' && (await cancelWhileQueued(deps, cast));
  if (!isCanceled) await cancelWhileRunning(deps, principal, cast);
  return (await findCast(deps.database, accountId, id)) ?? cast;
}

async function cancelWhileQueued(deps: CancelCastDeps, cast: CastEntity): Promise<boolean> {
  const { id } = cast;
  const terms = await readRunTerms(deps, id);
  const result = { status: 'CANCELED', error: null } as const;
  const settlement: Settlement = {
    id,
    accountId: cast.accountId,
    attempt: cast.attempts,
    from: 'QUEUED',
    ...result,
    finishedAt: deps.clock.now(),
    terms,
    ...NOTHING_RAN,
    costMicros: chargeWithoutWorker(terms, result),
    finalSequence: QUEUED_SEQUENCE + 1,
  };
  if (!(await deps.settlements.settle(settlement))) return false;
  deps.metrics.settled.inc({ status: 'CANCELED', code: '' });
  const event = finishedEvent({ ...settlement, attempts: cast.attempts }, null);
  // Both are courtesies: a worker would find nothing to claim, a watcher would find the row.
  void deps.queue.removeWaiting(id);
  void deps.streams.append(streamName(id), [toStreamEntry(event)], EVENTS_KEPT_MS).catch(() => undefined);
  return true;
}

async function cancelWhileRunning(
  deps: CancelCastDeps,
  principal: Principal | null,
  cast: CastEntity,
): Promise<void> {
  const { id, accountId } = cast;
  await requestCancel(deps.database, { id, accountId, now: deps.clock.now() });
  const deadline = AbortSignal.timeout(ANSWER_WITHIN_MS);
  void deps.pubsub.publish(CANCEL_CHANNEL, id).catch(() => undefined);
  for await (const event of await watchCast(deps, principal, { castId: id, signal: deadline })) {
    if (event.type === 'finished') return;
  }
}

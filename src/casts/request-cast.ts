import { requireScope, type Principal } from '../accounts/index.js';
import { budgetExceeded } from '../budgets/index.js';
import {
  AppError,
  newId,
  sha256,
  type Clock,
  type DataSource,
  type Digest,
  type OutboxRelay,
  type RateLimit,
} from '../platform/index.js';
import { priceMicros, type VersionResolver } from '../spells/index.js';
import { checkRequestShape, readInput, toLimits, type CastRequest } from './cast-input.js';
import type { Acceptance, CastAcceptance } from './accept-casts.js';
import type { NewCast } from './new-cast.js';
import type { CastEntity } from './cast.entity.js';
import type { FreshCasts } from './fresh-casts.js';
import type { CastMetrics } from './cast-metrics.js';
import type { InputChecks } from './input-checks.js';
import { ENQUEUE_TOPIC, findCast, findCastByIdempotencyKey } from './cast-store.js';

export interface RequestCastDeps {
  database: DataSource;
  clock: Clock;
  versions: VersionResolver;
  acceptance: CastAcceptance;
  fresh: FreshCasts;
  outbox: OutboxRelay;
  metrics: CastMetrics;
  rate: RateLimit;
  inputChecks: InputChecks;
}

/**
 * Accepts a cast: its worst case is held on every budget that applies, or BUDGET_EXCEEDED. When this returns, the cast
 * is committed and will reach a final state whatever dies; a worker has it, or the queue is told afterwards. The same idempotency key and
 * request answer the same cast.
 */
export async function requestCast(
  deps: RequestCastDeps,
  principal: Principal | null,
  request: CastRequest,
): Promise<CastEntity> {
  const { accountId, keyId } = requireScope(principal, 'cast');
  await deps.rate.take(accountId);
  checkRequestShape(request);
  const inputText = JSON.stringify(request.input ?? null);
  const requestDigest = digestRequest(request, inputText);
  const idempotencyKey = request.idempotencyKey ?? null;
  // Asked first, so that a repeated request is answered even after its version was yanked.
  const earlier = await findEarlier(deps.database, accountId, idempotencyKey, requestDigest);
  if (earlier !== null) return earlier;
  const resolved = await deps.versions.resolve(request.spell);
  const limits = toLimits(resolved, request);
  const { bytes: input, value } = readInput(resolved, request, inputText);
  if (value !== undefined) deps.inputChecks.check(accountId, resolved, value);
  const cast: NewCast = {
    id: newId(deps.clock),
    accountId,
    apiKeyId: keyId,
    spellVersionId: resolved.version.id,
    spellKey: resolved.key,
    endUser: request.endUser ?? null,
    idempotencyKey,
    requestDigest,
    input,
    limits,
    heldMicros: priceMicros(resolved.version.manifest.pricing, limits.maxFuel),
    queuedAt: deps.clock.now(),
  };
  const entity = acceptedEntity(cast);
  const answer = await acceptListening(deps, cast, entity);
  switch (answer.kind) {
    case 'accepted':
      if (answer.outboxId !== null)
        deps.outbox.deliverSoon({ id: answer.outboxId, topic: ENQUEUE_TOPIC, payload: { castId: cast.id } });
      deps.metrics.accepted.inc();
      return entity;
    case 'refused':
      deps.metrics.refused.inc({ scope: answer.refusal.scope });
      throw budgetExceeded(answer.refusal);
    case 'earlier': {
      const earlier = await findCast(deps.database, accountId, answer.castId);
      if (earlier === null) throw new Error('the cast that holds the idempotency key has vanished');
      return sameRequest(earlier, requestDigest);
    }
  }
}

/** Listens to the cast from before it is committed, for who watches it in the next moment. */
async function acceptListening(
  { acceptance, fresh }: RequestCastDeps,
  cast: NewCast,
  entity: CastEntity,
): Promise<Acceptance> {
  const listening = fresh.listen(cast.id);
  let isKept = false;
  try {
    const answer = await acceptance.accept(cast);
    if (listening !== null && answer.kind === 'accepted') {
      fresh.keep(entity, listening);
      isKept = true;
    }
    return answer;
  } finally {
    if (!isKept) listening?.stopListening();
  }
}

/** The cast as it is committed; reading it back would only cost a round trip. */
function acceptedEntity(cast: NewCast): CastEntity {
  return {
    id: cast.id,
    accountId: cast.accountId,
    spellVersionId: cast.spellVersionId,
    status: 'QUEUED',
    endUser: cast.endUser,
    idempotencyKey: cast.idempotencyKey,
    requestDigest: cast.requestDigest,
    attempts: 0,
    queuedAt: cast.queuedAt,
    startedAt: null,
    finishedAt: null,
    outputBytes: null,
    outputDigest: null,
    outputIsArtifact: false,
    errorCode: null,
    errorMessage: null,
    fuelUsed: null,
    memoryPeakBytes: null,
    durationMs: null,
    heldMicros: cast.heldMicros,
    costMicros: null,
    finalSequence: null,
  };
}

async function findEarlier(
  database: DataSource,
  accountId: string,
  idempotencyKey: string | null,
  requestDigest: Digest,
): Promise<CastEntity | null> {
  if (idempotencyKey === null || idempotencyKey === '') return null;
  const earlier = await findCastByIdempotencyKey(database, accountId, idempotencyKey);
  return earlier === null ? null : sameRequest(earlier, requestDigest);
}

function sameRequest(earlier: CastEntity, requestDigest: Digest): CastEntity {
  if (earlier.requestDigest === requestDigest) return earlier;
  throw new AppError('IDEMPOTENCY_MISMATCH', 'this idempotency key was used for another request', {
    castId: earlier.id,
  });
}

/** Two requests are the same when all that the caller said is the same. The input, which may be large, comes written out. */
function digestRequest(request: CastRequest, inputText: string): Digest {
  const { timeoutMs, maxFuel, maxMemoryMb, ...newer } = request.limits ?? {};
  const said = [
    request.inputBase64 ?? null,
    request.endUser ?? null,
    request.maxCostMicros?.toString() ?? null,
    timeoutMs ?? null,
    maxFuel?.toString() ?? null,
    maxMemoryMb ?? null,
    // Only when there are any: requests digested before these limits existed stay the same requests.
    ...saidLimits(newer),
  ];
  const others = said.map((item) => JSON.stringify(item));
  return sha256(`[${[JSON.stringify(request.spell), inputText, ...others].join(',')}]`);
}

function saidLimits(
  limits: Record<string, number | bigint | null | undefined>,
): [name: string, value: string][] {
  const said = Object.entries(limits).filter(([, value]) => value !== null && value !== undefined);
  return said
    .map(([name, value]): [string, string] => [name, String(value)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

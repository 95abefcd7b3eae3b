import type { Place } from '../platform/index.js';
import { QUEUED_SEQUENCE } from './cast.js';
import type { CastWorker } from './cast-worker.js';
import type { NewCast } from './new-cast.js';
import { INPUT_WITH_CLAIM_BYTES_MAX, type ClaimedCast } from './claim-casts.js';

/**
 * The worker of a process that accepts casts too: those that it can begin at once come into its hands with their
 * acceptance. Until there is one, and while it has no place, all of them go through the queue.
 */
export class OwnWorker {
  #worker: CastWorker | null = null;
  #takePlace: () => Place | null = () => null;

  use(worker: CastWorker, takePlace: () => Place | null): void {
    this.#worker = worker;
    this.#takePlace = takePlace;
  }

  /** As it stands in the rows of its casts; null when there is no worker. */
  get id(): string | null {
    return this.#worker?.id ?? null;
  }

  takePlace(): Place | null {
    return this.#takePlace();
  }

  /** The cast is committed and in this worker's hands. */
  begin(cast: NewCast, place: Place): void {
    const worker = this.#worker;
    if (worker === null) throw new Error('a place without a worker');
    place.run(() => worker.run(cast.id, toClaimedCast(cast)));
  }
}

/** What a claim would have answered. */
function toClaimedCast(cast: NewCast): ClaimedCast {
  return {
    id: cast.id,
    attempts: 1,
    accountId: cast.accountId,
    spellVersionId: cast.spellVersionId,
    input: cast.input.length <= INPUT_WITH_CLAIM_BYTES_MAX ? cast.input : null,
    limits: cast.limits,
    queuedAt: cast.queuedAt,
    startedAt: cast.queuedAt,
    lastSequence: QUEUED_SEQUENCE,
  };
}

import { toRefusal, type BudgetRefusal } from '../budgets/index.js';
import {
  AppError,
  Coalescer,
  badInput,
  isStatementError,
  queryRows,
  type DataSource,
  type Place,
} from '../platform/index.js';
import { CAST_MICROS_MAX } from '../spells/index.js';
import { LEASE_MS } from './cast.js';
import type { NewCast } from './new-cast.js';
import { isLostBudgetRace } from './lost-budget-race.js';
import type { OwnWorker } from './own-worker.js';

/** What became of a request: accepted, or the cast that its idempotency key has, or the budget without room for it. */
export type Acceptance =
  /** Without an outbox row it is in the hands of this process's own worker already. */
  | { kind: 'accepted'; outboxId: string | null }
  | { kind: 'earlier'; castId: string }
  | { kind: 'refused'; refusal: BudgetRefusal };

// Enough that the cost of a transaction disappears among them, few enough that nobody's answer waits for the rest.
const BATCH_CASTS_MAX = 128;
// One largest input and many ordinary ones; a statement that carries more keeps the others waiting.
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
// One that waits for a lock does not hold up all others.
const BATCHES_AT_ONCE = 2;
// A cast passes a few such stops, so under load it takes up to 60 ms longer, and costs a fraction.
const BATCH_SPACING = { leastMs: 8, mostMs: 20 };
// At five thousand a second this is a wait of about a second.
const WAITING_CASTS_MAX = 5_000;
// One account with all that a server takes of it at once leaves as much room again for all others.
const WAITING_PER_ACCOUNT_MAX = 2_500;
// Each round somebody else was faster with the same keys; whoever is outrun so often comes again later.
const ROUNDS_MAX = 10;

interface AnswerRow {
  place: number;
  outcome: 'ACCEPTED' | 'EARLIER' | 'REFUSED' | 'AGAIN';
  outbox_id: string | null;
  earlier_id: string | null;
  refusal: Record<string, string> | null;
}

type Answer = Acceptance | { kind: 'again' };

/**
 * Accepts casts, those of many callers in one statement: holds on every budget that applies, the rows, and their outbox
 * rows or that they are in this process's own hands, are committed together or not at all. The SQL is the function
 * accept_casts of the migrations.
 */
export class CastAcceptance {
  readonly #coalescer: Coalescer<NewCast, Answer>;

  constructor(deps: { database: DataSource; ownWorker: OwnWorker }) {
    this.#coalescer = new Coalescer({
      runBatch: (casts) => acceptBatch(deps, casts),
      itemsMax: BATCH_CASTS_MAX,
      bytesMax: BATCH_BYTES_MAX,
      bytesOf: (cast) => cast.input.length,
      batchesMax: BATCHES_AT_ONCE,
      spacing: BATCH_SPACING,
      waitingMax: WAITING_CASTS_MAX,
      groupOf: (cast) => cast.accountId,
      waitingPerGroupMax: WAITING_PER_ACCOUNT_MAX,
      isItemsFault: isStatementError,
      isLostRace: isLostBudgetRace,
    });
  }

  async accept(cast: NewCast): Promise<Acceptance> {
    if (cast.heldMicros > CAST_MICROS_MAX) throw tooDear(cast.heldMicros);
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const answer = await this.#coalescer.submit(cast);
      if (answer.kind !== 'again') return answer;
    }
    throw new AppError('UNAVAILABLE', 'too many requests with the same idempotency keys at once, try again');
  }
}

/** Versions that were published before there was a limit may ask for more. */
function tooDear(heldMicros: bigint): AppError {
  const reason = `this cast could cost ${heldMicros} micros and a cast holds at most ${CAST_MICROS_MAX}: set maxCostMicros`;
  return badInput([{ path: 'maxCostMicros', reason }]);
}

interface AcceptDeps {
  database: DataSource;
  ownWorker: OwnWorker;
}

/** As many as the worker of this process has places for come into its hands, the first of the batch first. */
async function acceptBatch({ database, ownWorker }: AcceptDeps, casts: NewCast[]): Promise<Answer[]> {
  const places = casts.map(() => ownWorker.takePlace());
  let answers: Answer[];
  try {
    answers = await callAcceptCasts(database, casts, { worker: ownWorker.id, places });
  } catch (error) {
    for (const place of places) place?.giveBack();
    throw error;
  }
  casts.forEach((cast, at) => {
    const place = places[at] ?? null;
    if (place === null) return;
    if (answers[at]?.kind === 'accepted') ownWorker.begin(cast, place);
    else place.giveBack();
  });
  return answers;
}

async function callAcceptCasts(
  database: DataSource,
  casts: NewCast[],
  hands: { worker: string | null; places: (Place | null)[] },
): Promise<Answer[]> {
  let inputAt = 0;
  const batch = casts.map((cast, place) => {
    const request = toRequestRow(cast, place, inputAt);
    inputAt += cast.input.length;
    return request;
  });
  const [only] = casts;
  const inputs = casts.length === 1 && only ? only.input : Buffer.concat(casts.map(({ input }) => input));
  const rows = await queryRows<AnswerRow>(
    database,
    `SELECT place, outcome, outbox_id, earlier_id, refusal FROM accept_casts($1, $2, $3, $4, $5)`,
    [
      JSON.stringify(batch),
      inputs,
      hands.places.flatMap((place, at) => (place === null ? [] : [at])),
      hands.worker,
      LEASE_MS,
    ],
  );
  const byPlace = new Map(rows.map((row) => [row.place, row]));
  return casts.map((_, place) => toAnswer(byPlace.get(place)));
}

/** The composite type cast_request. Text is made well-formed, because PostgreSQL refuses half a surrogate pair. */
function toRequestRow(cast: NewCast, place: number, inputAt: number) {
  return {
    place,
    id: cast.id,
    account_id: cast.accountId,
    api_key_id: cast.apiKeyId,
    spell_version_id: cast.spellVersionId,
    spell_key: cast.spellKey,
    end_user: cast.endUser?.toWellFormed() ?? null,
    idempotency_key: cast.idempotencyKey?.toWellFormed() ?? null,
    request_digest: cast.requestDigest,
    input_at: inputAt,
    input_bytes: cast.input.length,
    timeout_ms: cast.limits.timeoutMs,
    max_memory_bytes: cast.limits.maxMemoryBytes,
    max_output_bytes: cast.limits.maxOutputBytes,
    max_fuel: cast.limits.maxFuel.toString(),
    extra_limits: cast.limits.lowered,
    held_micros: cast.heldMicros.toString(),
    queued_at: cast.queuedAt,
  };
}

function toAnswer(row: AnswerRow | undefined): Answer {
  if (row?.outcome === 'AGAIN') return { kind: 'again' };
  if (row?.outcome === 'ACCEPTED') return { kind: 'accepted', outboxId: row.outbox_id };
  if (row?.outcome === 'EARLIER' && row.earlier_id !== null)
    return { kind: 'earlier', castId: row.earlier_id };
  if (row?.outcome === 'REFUSED' && row.refusal !== null)
    return { kind: 'refused', refusal: toRefusal(row.refusal) };
  throw new Error('accept_casts left a cast without an answer');
}

import { ALERT_TOPIC } from '../budgets/index.js';
import {
  Coalescer,
  isStatementError,
  queryRows,
  storableText,
  type DataSource,
  type Digest,
  type OutboxRelay,
} from '../platform/index.js';
import type { CastErrorCode, FinalStatus } from './cast.js';
import { isLostBudgetRace } from './lost-budget-race.js';
import { toTermsColumns, type RunTerms } from './run-terms.js';

/** A final state and everything that comes with it. */
export interface Settlement {
  id: string;
  accountId: string;
  /** The fencing token: the settlement stands only while this is still the cast's attempt, and this its status. */
  attempt: number;
  from: 'QUEUED' | 'RUNNING';
  status: FinalStatus;
  finishedAt: Date;
  terms: RunTerms;
  /** Of what the guest was given; null when no worker had it in hand, and the row's input is hashed where it lies. */
  inputDigest: Digest | null;
  output: Buffer | null;
  outputBytes: number | null;
  outputDigest: Digest | null;
  outputIsArtifact: boolean;
  error: { code: CastErrorCode; message: string } | null;
  /** What the guest itself ended with, if it did. */
  exitCode: number | null;
  fuelUsed: bigint | null;
  memoryPeakBytes: number | null;
  durationMs: number | null;
  costMicros: bigint;
  finalSequence: number;
}

/** What there is to say of a run that no worker has in hand. */
export const NOTHING_RAN = {
  inputDigest: null,
  output: null,
  outputBytes: null,
  outputDigest: null,
  outputIsArtifact: false,
  exitCode: null,
  fuelUsed: null,
  memoryPeakBytes: null,
  durationMs: null,
} as const satisfies Partial<Settlement>;

const BATCH_CASTS_MAX = 128;
// 32 of the largest inline outputs.
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
const BATCHES_AT_ONCE = 2;
// A cast passes a few such stops, so under load it takes up to 60 ms longer, and costs a fraction.
const BATCH_SPACING = { leastMs: 8, mostMs: 20 };
// More than the jobs of a worker with the most sandboxes, and the rows of one sweep.
const WAITING_CASTS_MAX = 5_000;

interface SettledRow {
  place: number | null;
  outbox_id: string | null;
  payload: Record<string, unknown> | null;
}

/**
 * Ends casts, those of many callers in one statement: final state, charge, holds given back and the fact for the ledger
 * are committed together or not at all. Every ending passes here; the database refuses any other.
 * The SQL is the function settle_casts of the migrations.
 */
export class CastSettlements {
  readonly #coalescer: Coalescer<Settlement, boolean>;

  constructor(deps: { database: DataSource; outbox: OutboxRelay }) {
    this.#coalescer = new Coalescer({
      runBatch: (settlements) => settleBatch(deps, settlements),
      itemsMax: BATCH_CASTS_MAX,
      bytesMax: BATCH_BYTES_MAX,
      bytesOf: (settlement) => settlement.output?.length ?? 0,
      batchesMax: BATCHES_AT_ONCE,
      spacing: BATCH_SPACING,
      waitingMax: WAITING_CASTS_MAX,
      groupOf: (settlement) => settlement.accountId,
      isItemsFault: isStatementError,
      isLostRace: isLostBudgetRace,
    });
  }

  /** True when the settlement stands; false when someone else has claimed or settled the cast meanwhile. */
  settle(settlement: Settlement): Promise<boolean> {
    return this.#coalescer.submit(settlement);
  }
}

async function settleBatch(
  deps: { database: DataSource; outbox: OutboxRelay },
  settlements: Settlement[],
): Promise<boolean[]> {
  let outputAt = 0;
  const batch = settlements.map((settlement, place) => {
    const ending = toEndingRow(settlement, place, outputAt);
    outputAt += settlement.output?.length ?? 0;
    return ending;
  });
  const outputs = Buffer.concat(settlements.flatMap(({ output }) => (output === null ? [] : [output])));
  const rows = await queryRows<SettledRow>(
    deps.database,
    `SELECT place, outbox_id, payload FROM settle_casts($1, $2)`,
    [JSON.stringify(batch), outputs],
  );
  const standing = new Set<number>();
  for (const { place, outbox_id: outboxId, payload } of rows) {
    if (place !== null) standing.add(place);
    else if (outboxId !== null)
      deps.outbox.deliverSoon({ id: outboxId, topic: ALERT_TOPIC, payload: payload ?? {} });
  }
  return settlements.map((_, place) => standing.has(place));
}

/** The composite type cast_ending. */
function toEndingRow(settlement: Settlement, place: number, outputAt: number) {
  const { output, error } = settlement;
  return {
    place,
    id: settlement.id,
    attempt: settlement.attempt,
    from_status: settlement.from,
    status: settlement.status,
    finished_at: settlement.finishedAt,
    ...toTermsColumns(settlement.terms),
    input_digest: settlement.inputDigest,
    output_at: output === null ? null : outputAt,
    inline_bytes: output?.length ?? null,
    output_bytes: settlement.outputBytes,
    output_digest: settlement.outputDigest,
    output_is_artifact: settlement.outputIsArtifact,
    error_code: error?.code ?? null,
    error_message: error === null ? null : storableText(error.message),
    exit_code: settlement.exitCode,
    fuel_used: settlement.fuelUsed?.toString() ?? null,
    memory_peak_bytes: settlement.memoryPeakBytes,
    duration_ms: settlement.durationMs,
    cost_micros: settlement.costMicros.toString(),
    final_sequence: settlement.finalSequence,
  };
}

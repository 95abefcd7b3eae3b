import { storableText } from '../platform/index.js';
import type { CastEntity } from './cast.entity.js';
import type { Settlement } from './settle-casts.js';

/** What a settlement changes of a cast, beside what its final event says anyway. */
export type CastEnding = Pick<
  CastEntity,
  | 'status'
  | 'startedAt'
  | 'outputBytes'
  | 'outputDigest'
  | 'outputIsArtifact'
  | 'errorCode'
  | 'errorMessage'
  | 'fuelUsed'
  | 'memoryPeakBytes'
  | 'durationMs'
  | 'costMicros'
>;

export function endingOf(settlement: Settlement, startedAt: Date): CastEnding {
  return {
    status: settlement.status,
    startedAt,
    outputBytes: toBigInt(settlement.outputBytes),
    outputDigest: settlement.outputDigest,
    outputIsArtifact: settlement.outputIsArtifact,
    errorCode: settlement.error?.code ?? null,
    errorMessage: settlement.error === null ? null : storableText(settlement.error.message),
    fuelUsed: settlement.fuelUsed,
    memoryPeakBytes: toBigInt(settlement.memoryPeakBytes),
    durationMs: settlement.durationMs,
    costMicros: settlement.costMicros,
  };
}

/** JSON has neither 64-bit integers nor times. */
export type PackedEnding = Omit<
  CastEnding,
  'startedAt' | 'outputBytes' | 'fuelUsed' | 'memoryPeakBytes' | 'costMicros'
> & {
  startedAt: number | null;
  outputBytes: string | null;
  fuelUsed: string | null;
  memoryPeakBytes: string | null;
  costMicros: string | null;
};

export function packEnding(ending: CastEnding): PackedEnding {
  return {
    ...ending,
    startedAt: ending.startedAt?.getTime() ?? null,
    outputBytes: ending.outputBytes?.toString() ?? null,
    fuelUsed: ending.fuelUsed?.toString() ?? null,
    memoryPeakBytes: ending.memoryPeakBytes?.toString() ?? null,
    costMicros: ending.costMicros?.toString() ?? null,
  };
}

export function unpackEnding(packed: PackedEnding): CastEnding {
  return {
    ...packed,
    startedAt: packed.startedAt === null ? null : new Date(packed.startedAt),
    outputBytes: toBigInt(packed.outputBytes),
    fuelUsed: toBigInt(packed.fuelUsed),
    memoryPeakBytes: toBigInt(packed.memoryPeakBytes),
    costMicros: toBigInt(packed.costMicros),
  };
}

function toBigInt(value: string | number | null): bigint | null {
  return value === null ? null : BigInt(value);
}

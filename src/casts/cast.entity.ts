import { Column, Entity, PrimaryColumn, type ValueTransformer } from 'typeorm';
import type { Digest } from '../platform/index.js';
import type { CastErrorCode, CastStatus } from './cast.js';

// The driver hands 64-bit integers over as text, because not all of them are exact as numbers.
const int64: ValueTransformer = {
  from: (text: string | null) => (text === null ? null : BigInt(text)),
  to: (value: bigint | null | undefined) => value?.toString() ?? value,
};

/** A cast as it is shown. Its input and output are large and are read by those who need them only. */
@Entity('casts')
export class CastEntity {
  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'account_id' })
  accountId: string;

  @Column('uuid', { name: 'spell_version_id' })
  spellVersionId: string;

  @Column('text')
  status: CastStatus;

  @Column('text', { name: 'end_user', nullable: true })
  endUser: string | null;

  @Column('text', { name: 'idempotency_key', nullable: true })
  idempotencyKey: string | null;

  @Column('text', { name: 'request_digest' })
  requestDigest: string;

  @Column('int')
  attempts: number;

  @Column('timestamptz', { name: 'queued_at' })
  queuedAt: Date;

  @Column('timestamptz', { name: 'started_at', nullable: true })
  startedAt: Date | null;

  @Column('timestamptz', { name: 'finished_at', nullable: true })
  finishedAt: Date | null;

  @Column('bigint', { name: 'output_bytes', nullable: true, transformer: int64 })
  outputBytes: bigint | null;

  @Column('text', { name: 'output_digest', nullable: true })
  outputDigest: Digest | null;

  @Column('boolean', { name: 'output_is_artifact' })
  outputIsArtifact: boolean;

  @Column('text', { name: 'error_code', nullable: true })
  errorCode: CastErrorCode | null;

  @Column('text', { name: 'error_message', nullable: true })
  errorMessage: string | null;

  @Column('bigint', { name: 'fuel_used', nullable: true, transformer: int64 })
  fuelUsed: bigint | null;

  @Column('bigint', { name: 'memory_peak_bytes', nullable: true, transformer: int64 })
  memoryPeakBytes: bigint | null;

  @Column('int', { name: 'duration_ms', nullable: true })
  durationMs: number | null;

  @Column('bigint', { name: 'held_micros', transformer: int64 })
  heldMicros: bigint;

  @Column('bigint', { name: 'cost_micros', nullable: true, transformer: int64 })
  costMicros: bigint | null;

  @Column('int', { name: 'final_sequence', nullable: true })
  finalSequence: number | null;
}

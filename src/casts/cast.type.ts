import { Field, Int, InterfaceType, ObjectType, registerEnumType } from 'type-graphql';
import {
  BigIntScalar,
  DateTimeScalar,
  DigestScalar,
  Node,
  PageInfo,
  connectionType,
} from '../platform/index.js';
import { CAST_ERROR_CODES, CAST_STATUSES, type CastErrorCode, type CastStatus } from './cast.js';
import type { CastEntity } from './cast.entity.js';
import { textOrNull } from './cast-events.js';
import type { WatchedEvent } from './watch-cast.js';

const CastStatusEnum = Object.fromEntries(CAST_STATUSES.map((status) => [status, status]));
registerEnumType(CastStatusEnum, {
  name: 'CastStatus',
  description: 'The state of a cast. SUCCEEDED, FAILED and CANCELED are final.',
  valuesConfig: {
    QUEUED: { description: 'Committed; waits for a worker.' },
    RUNNING: { description: 'A worker runs it.' },
    SUCCEEDED: { description: 'The guest exited with 0 and its output fits its declared format.' },
    FAILED: { description: 'It ended otherwise; `error` says how.' },
    CANCELED: { description: 'It was canceled before it ended by itself.' },
  },
});

const CastErrorCodeEnum = Object.fromEntries(CAST_ERROR_CODES.map((code) => [code, code]));
registerEnumType(CastErrorCodeEnum, {
  name: 'CastErrorCode',
  description: 'Why a cast failed.',
  valuesConfig: {
    TRAP: { description: 'The module trapped.' },
    EXIT_NONZERO: { description: 'The guest exited with a code other than 0.' },
    FUEL_EXHAUSTED: { description: 'The fuel limit was reached.' },
    MEMORY_EXCEEDED: { description: 'The memory limit was reached.' },
    DEADLINE_EXCEEDED: { description: 'The wall-clock deadline passed.' },
    OUTPUT_TOO_LARGE: { description: 'The guest wrote more than its output limit.' },
    INVALID_OUTPUT: { description: 'The output is not of the declared format.' },
    POLICY_VIOLATION: { description: 'The guest did what its policy forbids.' },
    WORKER_LOST: { description: 'Every attempt lost its worker.' },
  },
});

@ObjectType('CastError', { description: 'Why a cast failed.' })
export class CastErrorType {
  @Field(() => CastErrorCodeEnum, { description: 'One of a closed set.' })
  code: CastErrorCode;

  @Field({ description: 'A sentence for people.' })
  message: string;
}

@ObjectType({ description: 'An output too large to be part of an answer.' })
export class Artifact {
  @Field({ description: 'Where to download it; anyone who has this address may, until it expires.' })
  url: string;

  @Field(() => DateTimeScalar, { description: 'When the address expires. Ask again for a fresh one.' })
  expiresAt: Date;

  @Field(() => DigestScalar, { description: 'The digest of its bytes.' })
  digest: string;

  @Field(() => BigIntScalar, { description: 'Its size in bytes.' })
  sizeBytes: bigint;
}

@ObjectType('Cast', { implements: Node, description: 'One requested run of a spell.' })
export class CastType extends Node {
  entity: CastEntity;

  @Field(() => CastStatusEnum, { description: 'Its state.' })
  status: CastStatus;

  @Field(() => CastErrorType, { nullable: true, description: 'Why it failed, when it did.' })
  error: CastErrorType | null;

  @Field(() => DateTimeScalar, { description: 'When it was accepted.' })
  queuedAt: Date;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When its first attempt began.' })
  startedAt: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it became final.' })
  finishedAt: Date | null;

  @Field(() => Int, { description: 'How many workers have begun to run it.' })
  attempts: number;

  @Field(() => String, { nullable: true, description: 'The end user on whose behalf it was cast.' })
  endUser: string | null;

  @Field(() => String, { nullable: true, description: 'The idempotency key it was requested with.' })
  idempotencyKey: string | null;

  @Field(() => DigestScalar, { nullable: true, description: 'The digest of its output.' })
  outputDigest: string | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description:
      'Metered instructions of the attempt that counted; null when the guest was killed before it could tell.',
  })
  fuelUsed: bigint | null;

  @Field(() => BigIntScalar, { nullable: true, description: 'The most memory the guest had, in bytes.' })
  memoryPeakBytes: bigint | null;

  @Field(() => Int, { nullable: true, description: 'Time in the sandbox, in milliseconds.' })
  durationMs: number | null;

  @Field(() => BigIntScalar, {
    description: 'The worst case reserved while it is open, in micros; 0 once it is final.',
  })
  heldMicros: bigint;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'What it cost, in micros; null until it is final.',
  })
  costMicros: bigint | null;
}

export const CastConnection = connectionType('Cast', () => CastType);

export function toCastType(cast: CastEntity): CastType {
  return Object.assign(new CastType(), {
    entity: cast,
    id: cast.id,
    status: cast.status,
    error: cast.errorCode === null ? null : { code: cast.errorCode, message: cast.errorMessage ?? '' },
    queuedAt: cast.queuedAt,
    startedAt: cast.startedAt,
    finishedAt: cast.finishedAt,
    attempts: cast.attempts,
    endUser: cast.endUser,
    idempotencyKey: cast.idempotencyKey,
    outputDigest: cast.outputDigest,
    fuelUsed: cast.fuelUsed,
    memoryPeakBytes: cast.memoryPeakBytes,
    durationMs: cast.durationMs,
    heldMicros: cast.heldMicros,
    costMicros: cast.costMicros,
  });
}

@InterfaceType('CastEvent', {
  description: 'Something that happened to a cast. Events are numbered and come in order.',
})
export abstract class CastEventType {
  @Field({ description: 'Hand the last one you saw back as `after` to go on from there.' })
  cursor: string;

  @Field(() => Int, { description: 'The number of the event, from 1.' })
  sequence: number;

  @Field(() => Int, { description: 'The attempt it belongs to; 0 before the first.' })
  attempt: number;

  @Field(() => DateTimeScalar, { description: 'When it happened.' })
  at: Date;
}

@ObjectType({ implements: CastEventType, description: 'The cast was accepted. Always the first event.' })
export class CastQueued extends CastEventType {}

@ObjectType({ implements: CastEventType, description: 'A worker runs the attempt.' })
export class CastStarted extends CastEventType {}

@ObjectType({ implements: CastEventType, description: 'A piece of output as the guest wrote it.' })
export class CastOutput extends CastEventType {
  @Field(() => String, { nullable: true, description: 'The piece as text, when it is UTF-8.' })
  text: string | null;

  @Field({ description: 'The piece in base64.' })
  base64: string;
}

@ObjectType({
  implements: CastEventType,
  description: 'A piece of what the guest wrote to its standard error.',
})
export class CastLog extends CastEventType {
  // Nullable like CastOutput's, or GraphQL would not let one query ask both for `text`.
  @Field(() => String, {
    nullable: true,
    description: 'The piece as text; bytes that are not UTF-8 are replaced. Never null.',
  })
  text: string;
}

@ObjectType({
  implements: CastEventType,
  description: 'The last attempt was lost and the next begins. Drop earlier output.',
})
export class CastRetried extends CastEventType {
  @Field({ description: 'What became of the last attempt.' })
  reason: string;
}

@ObjectType({ implements: CastEventType, description: 'The cast is final. Always the last event.' })
export class CastFinished extends CastEventType {
  castId: string;
  /** Null when the row must be asked. */
  ended: CastEntity | null;
}

export function toCastEventType(event: WatchedEvent): CastEventType {
  const { cursor, sequence, attempt, at } = event;
  const place = { cursor, sequence, attempt, at };
  switch (event.type) {
    case 'queued':
      return Object.assign(new CastQueued(), place);
    case 'started':
      return Object.assign(new CastStarted(), place);
    case 'retried':
      return Object.assign(new CastRetried(), place, { reason: event.reason });
    case 'output':
      return Object.assign(new CastOutput(), place, {
        text: textOrNull(event.bytes),
        base64: event.bytes.toString('base64'),
      });
    case 'log':
      return Object.assign(new CastLog(), place, { text: event.bytes.toString() });
    case 'finished':
      return Object.assign(new CastFinished(), place, {
        castId: event.castId,
        ended: event.cast,
      });
  }
}

@ObjectType({ description: 'One event of a list, with its place in it.' })
export class CastEventEdge {
  @Field({ description: 'The cursor of the event.' })
  cursor: string;

  @Field({ description: 'The event.' })
  node: CastEventType;
}

@ObjectType({ description: 'A page of the events recorded so far.' })
export class CastEventConnection {
  @Field(() => [CastEventEdge], { description: 'The events of this page in order.' })
  edges: CastEventEdge[];

  @Field({ description: 'Where this page ends.' })
  pageInfo: PageInfo;
}

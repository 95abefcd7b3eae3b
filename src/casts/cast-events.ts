import { isUtf8 } from 'node:buffer';
import type { StreamEntry } from '../platform/index.js';
import { QUEUED_CURSOR, QUEUED_SEQUENCE, finalCursor } from './cast.js';
import type { CastEntity } from './cast.entity.js';
import { packEnding, unpackEnding, type CastEnding, type PackedEnding } from './cast-ending.js';

interface EventPlace {
  cursor: string;
  sequence: number;
  attempt: number;
  at: Date;
}

/** What a watcher is told, as in docs/PROTOCOL.md. */
export type CastEvent = EventPlace &
  (
    | { type: 'queued' }
    | { type: 'started' }
    | { type: 'retried'; reason: string }
    | { type: 'output'; bytes: Buffer }
    | { type: 'log'; bytes: Buffer }
    /** `ending` is null where the row must be asked. */
    | { type: 'finished'; castId: string; ending: CastEnding | null }
  );

export type FinishedEvent = Extract<CastEvent, { type: 'finished' }>;

/** The cast as it is after this event; null when its row must be asked. */
export function endedCast(
  cast: CastEntity,
  { ending, attempt, at, sequence }: FinishedEvent,
): CastEntity | null {
  if (ending === null) return null;
  return {
    ...cast,
    ...ending,
    attempts: attempt,
    finishedAt: at,
    finalSequence: sequence,
    heldMicros: 0n,
  };
}

export function streamName(castId: string): string {
  return `cast:${castId}`;
}

export function toStreamEntry(event: CastEvent): StreamEntry {
  const { cursor, type, sequence, attempt, at } = event;
  const head = { type, sequence, attempt, at: at.getTime() };
  switch (event.type) {
    case 'queued':
    case 'started':
      return { id: cursor, head, body: null };
    case 'retried':
      return { id: cursor, head: { ...head, reason: event.reason }, body: null };
    case 'finished': {
      const { castId, ending } = event;
      return { id: cursor, head: { ...head, castId, ending: ending && packEnding(ending) }, body: null };
    }
    case 'output':
    case 'log':
      return { id: cursor, head, body: event.bytes };
  }
}

interface StoredHead {
  type: CastEvent['type'];
  sequence: number;
  attempt: number;
  at: number;
  reason?: string;
  castId?: string;
  ending?: PackedEnding | null;
}

export function fromStreamEntry(entry: StreamEntry): CastEvent {
  const head = entry.head as unknown as StoredHead;
  const place = { cursor: entry.id, sequence: head.sequence, attempt: head.attempt, at: new Date(head.at) };
  switch (head.type) {
    case 'queued':
    case 'started':
      return { ...place, type: head.type };
    case 'retried':
      return { ...place, type: head.type, reason: head.reason ?? '' };
    case 'finished':
      return {
        ...place,
        type: head.type,
        castId: head.castId ?? '',
        ending: head.ending ? unpackEnding(head.ending) : null,
      };
    case 'output':
    case 'log':
      return { ...place, type: head.type, bytes: entry.body ?? Buffer.alloc(0) };
  }
}

/** The first event of every cast; it needs no Redis. */
export function queuedEvent(cast: CastEntity): Extract<CastEvent, { type: 'queued' }> {
  return { type: 'queued', cursor: QUEUED_CURSOR, sequence: QUEUED_SEQUENCE, attempt: 0, at: cast.queuedAt };
}

/** The last event of an ended cast; the same whether it comes from Redis or from the row. */
export function finishedEvent(
  cast: Pick<CastEntity, 'id' | 'attempts' | 'finishedAt' | 'finalSequence'>,
  ending: CastEnding | null,
): FinishedEvent {
  if (cast.finishedAt === null || cast.finalSequence === null)
    throw new Error(`cast ${cast.id} has not ended`);
  return {
    type: 'finished',
    castId: cast.id,
    ending,
    cursor: finalCursor(cast.attempts),
    sequence: cast.finalSequence,
    attempt: cast.attempts,
    at: cast.finishedAt,
  };
}

/** How many bytes at the end are the beginning of a UTF-8 character whose rest has not come yet (0 to 3). */
export function incompleteTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return needed > back ? back : 0;
    }
  }
  return 0;
}

export function textOrNull(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString() : null;
}

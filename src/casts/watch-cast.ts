import { requireScope, type Principal } from '../accounts/index.js';
import { badInput, bodyBytes, isId, notFound, orAfter, type EventStreams } from '../platform/index.js';
import { QUEUED_CURSOR, QUEUED_SEQUENCE, isBefore, isFinal, parseCursor } from './cast.js';
import type { CastEntity } from './cast.entity.js';
import {
  endedCast,
  finishedEvent,
  fromStreamEntry,
  queuedEvent,
  streamName,
  type CastEvent,
  type FinishedEvent,
} from './cast-events.js';
import type { CastMetrics } from './cast-metrics.js';
import { EventTail } from './event-tail.js';
import type { FreshCasts } from './fresh-casts.js';
import type { CastReader } from './read-casts.js';

export interface WatchCastDeps {
  castReader: CastReader;
  fresh: FreshCasts;
  streams: EventStreams;
  metrics: CastMetrics;
}

// Events are read in pages, so that a late watcher of a long cast does not pull all of it into memory.
// At most 2 MiB, so that one page never takes long.
const PAGE_RECORDS = 32;
// A page of recorded events is part of an answer; a list of casts may ask for many of them.
const PAGE_BYTES_MAX = 1024 * 1024;
const READ_RECORDS = 16;
// What was said can be lost; this is how long a watcher hears nothing before it looks for itself.
const LOOK_AGAIN_MS = 1_000;
// Redis that does not answer so often in a row is taken for lost; the final state then comes without it.
const READ_DEADLINE_MS = 5_000;
const UNANSWERED_MAX = 2;
const LISTEN_WITHIN_MS = 2_000;

/** What a watcher is told; with the end the cast as it is then, or null when its row must be asked. */
export type WatchedEvent =
  Exclude<CastEvent, { type: 'finished' }> | (FinishedEvent & { cast: CastEntity | null });

function toWatched(event: CastEvent, cast: CastEntity): WatchedEvent {
  return event.type === 'finished' ? { ...event, cast: endedCast(cast, event) } : event;
}

interface Watch {
  deps: WatchCastDeps;
  cast: CastEntity;
  tail: EventTail;
  signal: AbortSignal | undefined;
  stopListening: () => void;
}

/**
 * The events of a cast after a cursor (or from the start), each once and in order, ending with the final one. Listens
 * before it reads, so nothing can fall between; a cast that was accepted here a moment ago has been listened to since
 * before it was committed, and is not read at all. When the stream has expired or was lost, the first and the last event
 * come from PostgreSQL. An unknown cast or cursor is refused before the first event.
 */
export async function watchCast(
  deps: WatchCastDeps,
  principal: Principal | null,
  input: { castId: string; after?: string | null; signal?: AbortSignal },
): Promise<AsyncGenerator<WatchedEvent, void, void>> {
  const { accountId } = requireScope(principal, 'cast', 'read');
  const after = checkCursor(input.after ?? null);
  if (!isId(input.castId)) throw notFound('cast');
  const { signal } = input;
  const isFromStart = after === null || after === QUEUED_CURSOR;
  const fresh = isFromStart ? deps.fresh.take(accountId, input.castId) : null;
  if (fresh !== null) {
    signal?.addEventListener('abort', fresh.stopListening, { once: true });
    return generateEvents({ deps, ...fresh, signal }, after);
  }
  const tail = new EventTail();
  const listening = deps.streams.listen(streamName(input.castId), (entries) => tail.hear(entries));
  // Also for who leaves before the first event: a generator that was never begun cleans nothing up.
  signal?.addEventListener('abort', listening.stop, { once: true });
  try {
    // Without Redis nobody hears anything; the watch then goes on by looking for itself.
    const isListening = listening.isReady || (await orAfter(listening.ready, LISTEN_WITHIN_MS, false));
    const cast = await requireCast(deps.castReader, accountId, input.castId);
    // A cast that no worker had claimed when we listened already has said nothing that we have not heard.
    if (isListening && cast.status === 'QUEUED' && cast.attempts === 0) tail.closeGap();
    return generateEvents({ deps, cast, tail, signal, stopListening: listening.stop }, after);
  } catch (error) {
    listening.stop();
    throw error;
  }
}

async function* generateEvents(watch: Watch, after: string | null): AsyncGenerator<WatchedEvent, void, void> {
  const { deps, cast, tail, signal } = watch;
  const ring = () => tail.ring();
  signal?.addEventListener('abort', ring);
  deps.metrics.watchers.inc();
  try {
    if (after === null) yield queuedEvent(cast);
    yield* readOn(watch, after ?? QUEUED_CURSOR);
  } finally {
    watch.stopListening();
    signal?.removeEventListener('abort', ring);
    deps.metrics.watchers.dec();
  }
}

async function* readOn(watch: Watch, after: string): AsyncGenerator<WatchedEvent, void, void> {
  const { deps, cast, tail, signal } = watch;
  const place: Place = {
    cursor: after,
    sequence: after === QUEUED_CURSOR ? QUEUED_SEQUENCE : null,
    unanswered: 0,
  };
  let known = cast;
  let isKnownNow = !tail.hasRung;
  while (signal?.aborted !== true) {
    const heard = tail.takeAfter(place.sequence);
    if (heard === null) {
      // The row before the stream: once the cast is final, everything it said is in the stream.
      if (!isKnownNow) known = await requireCast(deps.castReader, cast.accountId, cast.id);
      isKnownNow = false;
      if ((yield* readToEnd(watch, place)) === 'finished') return;
      if (isFinal(known.status)) {
        const final = finishedEvent(known, null);
        if (isBefore(place.cursor, final.cursor)) yield { ...final, cast: known };
        return;
      }
    }
    for (const event of heard ?? []) {
      yield toWatched(event, known);
      if (event.type === 'finished') return;
      move(place, event);
    }
    if (heard !== null && heard.length > 0) continue;
    if (!(await tail.wait(LOOK_AGAIN_MS))) tail.openGap();
  }
}

/** What a watcher has: up to which cursor and, once it knows, which number; and how often Redis did not answer in a row. */
interface Place {
  cursor: string;
  sequence: number | null;
  unanswered: number;
}

function move(place: Place, event: CastEvent): void {
  place.cursor = event.cursor;
  place.sequence = event.sequence;
}

/** Every event that the stream has by now. */
async function* readToEnd(
  watch: Watch,
  place: Place,
): AsyncGenerator<WatchedEvent, 'finished' | 'unfinished', void> {
  while (watch.signal?.aborted !== true) {
    const page = await readPage(watch, place.cursor);
    place.unanswered = page === null ? place.unanswered + 1 : 0;
    if (page === null && place.unanswered < UNANSWERED_MAX) continue;
    for (const event of page ?? []) {
      yield toWatched(event, watch.cast);
      if (event.type === 'finished') return 'finished';
      move(place, event);
    }
    if (page === null) break;
    if (page.length >= PAGE_RECORDS) continue;
    watch.tail.closeGap();
    break;
  }
  return 'unfinished';
}

/** The events that were recorded so far, after a cursor: one page of bounded size, without waiting for more. */
export async function readCastEvents(
  deps: WatchCastDeps,
  cast: CastEntity,
  page: { after: string | null; first: number },
): Promise<{ events: WatchedEvent[]; hasMore: boolean }> {
  const after = checkCursor(page.after);
  const events: WatchedEvent[] = after === null ? [queuedEvent(cast)] : [];
  let cursor = after ?? QUEUED_CURSOR;
  let bytes = 0;
  while (events.length <= page.first && bytes < PAGE_BYTES_MAX) {
    const reading = deps.streams.read(streamName(cast.id), cursor, READ_RECORDS);
    const entries = await orAfter(reading, READ_DEADLINE_MS, []);
    if (entries.length === 0) {
      const final = isFinal(cast.status) ? finishedEvent(cast, null) : null;
      if (final !== null && isBefore(cursor, final.cursor)) events.push({ ...final, cast });
      return { events: events.slice(0, page.first), hasMore: events.length > page.first };
    }
    events.push(...entries.map((entry) => toWatched(fromStreamEntry(entry), cast)));
    cursor = entries.at(-1)?.id ?? cursor;
    bytes += bodyBytes(entries);
  }
  const isWhole = events.length <= page.first && events.at(-1)?.type === 'finished';
  return { events: events.slice(0, page.first), hasMore: !isWhole };
}

/** Null when Redis did not answer: that is not the same as having nothing. */
async function readPage({ deps, cast, signal }: Watch, cursor: string): Promise<CastEvent[] | null> {
  const hungUp = Promise.withResolvers<never[]>();
  const hangUp = () => hungUp.resolve([]);
  signal?.addEventListener('abort', hangUp);
  if (signal?.aborted === true) hangUp();
  try {
    const reading = deps.streams.read(streamName(cast.id), cursor, PAGE_RECORDS);
    const entries = await orAfter(Promise.race([reading, hungUp.promise]), READ_DEADLINE_MS, null);
    return entries?.map(fromStreamEntry) ?? null;
  } finally {
    signal?.removeEventListener('abort', hangUp);
  }
}

async function requireCast(reader: CastReader, accountId: string, castId: string): Promise<CastEntity> {
  const cast = await reader.read(castId);
  if (cast === null || cast.accountId !== accountId) throw notFound('cast');
  return cast;
}

function checkCursor(after: string | null): string | null {
  if (after !== null && parseCursor(after) === null) {
    throw badInput([{ path: 'after', reason: 'is not a cursor of a cast event' }]);
  }
  return after;
}

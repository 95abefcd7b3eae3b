import { requireScope, type Principal } from '../accounts/index.js';
import { badInput, isId, notFound, orAfter, type DataSource, type EventStreams } from '../platform/index.js';
import { QUEUED_CURSOR, isBefore, isFinal, parseCursor } from './cast.js';
import type { CastEntity } from './cast.entity.js';
import { finishedEvent, fromStreamEntry, queuedEvent, streamName, type CastEvent } from './cast-events.js';
import type { CastMetrics } from './cast-metrics.js';
import { findCast } from './cast-store.js';

export interface WatchCastDeps {
  database: DataSource;
  streams: EventStreams;
  metrics: CastMetrics;
}

// Events are read in pages, so that a late watcher of a long cast does not pull all of it into memory.
// At most 2 MiB, so that one page never takes long.
const PAGE_EVENTS = 32;
// A page of recorded events is part of an answer; a list of casts may ask for many of them.
const PAGE_BYTES_MAX = 1024 * 1024;
const READ_EVENTS = 16;
// A wake-up can be lost; this is how long a watcher then waits before it looks for itself.
const LOOK_AGAIN_MS = 1_000;
// Redis that does not answer so often in a row is taken for lost; the final state then comes without it.
const READ_DEADLINE_MS = 5_000;
const UNANSWERED_MAX = 2;
const LISTEN_WITHIN_MS = 2_000;
// Between the commit of a final state and its event in Redis lies one round trip; this is generous.
const FINAL_EVENT_GRACE_MS = 1_500;
const FINAL_EVENT_LOOK_MS = 50;

/**
 * The events of a cast after a cursor (or from the start), each once and in order, ending with the final
 * one. Listens before it reads, so nothing can fall between; when the stream has expired or was lost,
 * the first and the last event come from PostgreSQL. An unknown cast or cursor is refused before the first event.
 */
export async function watchCast(
  deps: WatchCastDeps,
  principal: Principal | null,
  input: { castId: string; after?: string | null; signal?: AbortSignal },
): Promise<AsyncGenerator<CastEvent, void, void>> {
  const { accountId } = requireScope(principal, 'cast', 'read');
  const after = checkCursor(input.after ?? null);
  const cast = await requireCast(deps.database, accountId, input.castId);
  return generateEvents({ deps, cast, bell: new Bell(), signal: input.signal }, after);
}

async function* generateEvents(watch: Watch, after: string | null): AsyncGenerator<CastEvent, void, void> {
  const { deps, cast, bell, signal } = watch;
  const ring = () => bell.ring();
  const hungUp = Promise.withResolvers<void>();
  const hangUp = () => {
    ring();
    hungUp.resolve();
  };
  signal?.addEventListener('abort', hangUp);
  if (signal?.aborted === true) hangUp();
  deps.metrics.watchers.inc();
  const listening = deps.streams.listen(streamName(cast.id), ring);
  // Heard again below; a failure while nobody waits for it must not end the process.
  listening.catch(() => undefined);
  try {
    if (after === null) yield queuedEvent(cast);
    // Without Redis nobody hears anything; the watch then goes on by looking for itself.
    await orAfter(Promise.race([listening, hungUp.promise]), LISTEN_WITHIN_MS, undefined);
    yield* readOn(watch, after ?? QUEUED_CURSOR);
  } finally {
    listening.then(
      (stop) => stop(),
      () => undefined,
    );
    signal?.removeEventListener('abort', hangUp);
    deps.metrics.watchers.dec();
  }
}

interface Watch {
  deps: WatchCastDeps;
  cast: CastEntity;
  bell: Bell;
  signal: AbortSignal | undefined;
}

async function* readOn(watch: Watch, after: string): AsyncGenerator<CastEvent, void, void> {
  const { deps, cast, bell, signal } = watch;
  let cursor = after;
  let known = cast;
  let finalDueAtMs = dueAtMs(known);
  let unanswered = 0;
  while (signal?.aborted !== true) {
    bell.reset();
    const page = await readPage(watch, cursor);
    unanswered = page === null ? unanswered + 1 : 0;
    if (page === null && unanswered < UNANSWERED_MAX) continue;
    for (const event of page ?? []) {
      yield event;
      if (event.type === 'finished') return;
      cursor = event.cursor;
    }
    if (page !== null && page.length > 0) continue;
    if (
      isFinal(known.status) &&
      (Date.now() >= finalDueAtMs || !isBefore(cursor, finishedEvent(known).cursor))
    ) {
      if (isBefore(cursor, finishedEvent(known).cursor)) yield finishedEvent(known);
      return;
    }
    const hasRung = await bell.wait(isFinal(known.status) ? FINAL_EVENT_LOOK_MS : LOOK_AGAIN_MS);
    if (hasRung || isFinal(known.status)) continue;
    known = await requireCast(deps.database, cast.accountId, cast.id);
    finalDueAtMs = dueAtMs(known);
  }
}

/** When to stop waiting for the final event of an ended cast to come through Redis. */
function dueAtMs(cast: CastEntity): number {
  if (cast.finishedAt === null) return Infinity;
  const hasEndedLongAgo = Date.now() - cast.finishedAt.getTime() > FINAL_EVENT_GRACE_MS;
  return hasEndedLongAgo ? 0 : Date.now() + FINAL_EVENT_GRACE_MS;
}

/** The events that were recorded so far, after a cursor: one page of bounded size, without waiting for more. */
export async function readCastEvents(
  deps: WatchCastDeps,
  cast: CastEntity,
  page: { after: string | null; first: number },
): Promise<{ events: CastEvent[]; hasMore: boolean }> {
  const after = checkCursor(page.after);
  const events = after === null ? [queuedEvent(cast)] : [];
  let cursor = after ?? QUEUED_CURSOR;
  let bytes = 0;
  while (events.length <= page.first && bytes < PAGE_BYTES_MAX) {
    const reading = deps.streams.read(streamName(cast.id), cursor, READ_EVENTS);
    const entries = await orAfter(reading, READ_DEADLINE_MS, []);
    if (entries.length === 0) {
      const final = isFinal(cast.status) ? finishedEvent(cast) : null;
      if (final !== null && isBefore(cursor, final.cursor)) events.push(final);
      return { events: events.slice(0, page.first), hasMore: events.length > page.first };
    }
    events.push(...entries.map(fromStreamEntry));
    cursor = entries.at(-1)?.id ?? cursor;
    bytes += entries.reduce((sum, entry) => sum + (entry.body?.length ?? 0), 0);
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
    const reading = deps.streams.read(streamName(cast.id), cursor, PAGE_EVENTS);
    const entries = await orAfter(Promise.race([reading, hungUp.promise]), READ_DEADLINE_MS, null);
    return entries?.map(fromStreamEntry) ?? null;
  } finally {
    signal?.removeEventListener('abort', hangUp);
  }
}

async function requireCast(database: DataSource, accountId: string, castId: string): Promise<CastEntity> {
  const cast = isId(castId) ? await findCast(database, accountId, castId) : null;
  if (cast === null) throw notFound('cast');
  return cast;
}

function checkCursor(after: string | null): string | null {
  if (after !== null && parseCursor(after) === null) {
    throw badInput([{ path: 'after', reason: 'is not a cursor of a cast event' }]);
  }
  return after;
}

/** A wake-up that can be waited for, and that is not missed when it rings before the wait begins. */
class Bell {
  #hasRung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }

  reset(): void {
    this.#hasRung = false;
  }

  /** True when it rang, false when the time passed first. */
  async wait(timeoutMs: number): Promise<boolean> {
    if (!this.#hasRung) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, timeoutMs);
      });
      clearTimeout(timer);
      this.#wake = null;
    }
    return this.#hasRung;
  }
}

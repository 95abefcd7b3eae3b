import { orAfter, type EventStreams } from '../platform/index.js';
import { SEQUENCE_GAP } from './cast.js';
import { fromStreamEntry, streamName } from './cast-events.js';

// Well below the lease: a worker that waited for Redis longer would lose the cast it has just claimed.
const ANSWER_WITHIN_MS = 1_000;
// Machines' clocks, kept by NTP, agree much better than this.
const CLOCKS_APART_MAX_MS = 1_000;

/**
 * The number after which an attempt that takes over, or an end without a worker, goes on: from the stream, or from the
 * last heartbeat, far enough ahead that no number is used twice, when Redis lost what was written since.
 */
export async function findLastSequence(
  streams: EventStreams,
  cast: { id: string; lastSequence: number; startedAt: Date },
): Promise<number> {
  const last = await orAfter(streams.last(streamName(cast.id)), ANSWER_WITHIN_MS, null);
  if (last !== null) return Math.max(fromStreamEntry(last).sequence, cast.lastSequence);
  // Nothing is there: the attempts before were lost before they wrote anything, or Redis was, after they wrote.
  const unbrokenSinceMs = await orAfter(streams.unbrokenSinceMs(), ANSWER_WITHIN_MS, Infinity);
  const wasLost = unbrokenSinceMs + CLOCKS_APART_MAX_MS > cast.startedAt.getTime();
  return wasLost ? cast.lastSequence + SEQUENCE_GAP : cast.lastSequence;
}

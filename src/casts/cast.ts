import type { RunLimits } from '../limits/index.js';

/** What a cast is: its states, limits and event positions as data. The page for people is docs/PROTOCOL.md. */

export const CAST_STATUSES = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED'] as const;
export type CastStatus = (typeof CAST_STATUSES)[number];
export type FinalStatus = Extract<CastStatus, 'SUCCEEDED' | 'FAILED' | 'CANCELED'>;

export const CAST_ERROR_CODES = [
  'TRAP',
  'EXIT_NONZERO',
  'FUEL_EXHAUSTED',
  'MEMORY_EXCEEDED',
  'DEADLINE_EXCEEDED',
  'OUTPUT_TOO_LARGE',
  'INVALID_OUTPUT',
  'POLICY_VIOLATION',
  'WORKER_LOST',
] as const;
export type CastErrorCode = (typeof CAST_ERROR_CODES)[number];

export function isFinal(status: CastStatus): status is FinalStatus {
  return status === 'SUCCEEDED' || status === 'FAILED' || status === 'CANCELED';
}

const MIB = 1024 * 1024;

// Above this an output is an artifact with a download address instead of part of the row.
export const INLINE_OUTPUT_BYTES_MAX = 256 * 1024;

// Renewed every HEARTBEAT_MS; the gap is what a short pause of the process or of PostgreSQL may cost.
export const LEASE_MS = 4_000;
export const HEARTBEAT_MS = 500;
// How long the events of an ended cast can be replayed, and of a running one that nobody writes to.
export const EVENTS_KEPT_MS = 3_600_000;
// Streams live in Redis' memory: one that carries much is kept for a shorter time after its end.
export const LARGE_EVENTS_KEPT_MS = 600_000;
export const LARGE_EVENTS_BYTES = 1 * MIB;

export const QUEUED_SEQUENCE = 1;
export const QUEUED_CURSOR = '0-1';
// The place of the final event in its attempt: above any other, so nothing can be appended after it.
const FINAL_PLACE = 4_294_967_295;
// After a loss of Redis the numbers of the lost events are unknown; this is more than one attempt can have used since
// the last heartbeat.
export const SEQUENCE_GAP = 100_000;

export function cursorAt(attempt: number, place: number): string {
  return `${attempt}-${place}`;
}

export function finalCursor(attempt: number): string {
  return cursorAt(attempt, FINAL_PLACE);
}

/** Null unless the text is a cursor of this protocol. */
export function parseCursor(text: string): { attempt: number; place: number } | null {
  const [, attempt, place] = /^(\d{1,9})-(\d{1,10})$/.exec(text) ?? [];
  if (attempt === undefined || place === undefined) return null;
  if (Number(place) < 1 || Number(place) > FINAL_PLACE) return null;
  return { attempt: Number(attempt), place: Number(place) };
}

/** Is cursor `a` before cursor `b`? Both must be cursors. */
export function isBefore(a: string, b: string): boolean {
  const left = parseCursor(a);
  const right = parseCursor(b);
  if (left === null || right === null) throw new Error('not a cursor');
  return left.attempt < right.attempt || (left.attempt === right.attempt && left.place < right.place);
}

/** The limits a cast runs under: those of its manifest, lowered by what the caster asked for. */
export interface CastLimits {
  timeoutMs: number;
  maxMemoryBytes: number;
  maxOutputBytes: number;
  maxFuel: bigint;
  /** What the request lowered of the others; those it did not name are as the manifest declares them. */
  lowered: LoweredLimits;
}

export type LoweredLimits = Partial<
  Omit<RunLimits, 'timeoutMs' | 'maxMemoryBytes' | 'maxOutputBytes' | 'maxFuel'>
>;

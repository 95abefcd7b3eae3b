import { badInput } from '../platform/index.js';
import {
  USAGE_DIMENSIONS,
  type UsageDimension,
  type UsageFilter,
  type UsageList,
  type UsagePlace,
} from './usage.js';

/**
 * Writes a place in a list. The rows are sums and have no id; what tells one from another is its place. The list is
 * written beside it: its end is now, if nothing else was asked for, and the next page must be one of the same list.
 */
export function writeUsageCursor({ from, to, by }: UsageList, place: UsagePlace): string {
  const { day, spell, keyPrefix, endUser } = place;
  const parts = [from.toISOString(), to.toISOString(), by.join(), day, spell, keyPrefix, endUser];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The list that goes on, and where; refuses a cursor of another list than the one asked for. */
export function readUsageCursor(
  cursor: string,
  asked: UsageFilter,
): { filter: UsageFilter; place: UsagePlace } {
  const parts = parseParts(cursor);
  const [from, to, by, day = null, spell = null, keyPrefix = null, endUser = null] = parts;
  const list = { from: toTime(from), to: toTime(to), by: toDimensions(by) };
  const isOther =
    (asked.from != null && asked.from.getTime() !== list.from.getTime()) ||
    (asked.to != null && asked.to.getTime() !== list.to.getTime()) ||
    (asked.by != null && USAGE_DIMENSIONS.filter((one) => asked.by?.includes(one)).join() !== by);
  if (isOther) throw foreignCursor();
  return { filter: list, place: { day, spell, keyPrefix, endUser } };
}

const PARTS = 7;

function parseParts(cursor: string): (string | null)[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(parts) && parts.length === PARTS && parts.every(isPart)) return parts;
  } catch {
    // Falls through to the refusal: what is no JSON is no cursor either.
  }
  throw foreignCursor();
}

function isPart(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && !value.includes('\u0000'));
}

function toTime(text: string | null | undefined): Date {
  const time = new Date(text ?? '');
  if (Number.isNaN(time.getTime())) throw foreignCursor();
  return time;
}

function toDimensions(text: string | null | undefined): UsageDimension[] {
  const names = (text ?? '').split(',');
  return USAGE_DIMENSIONS.filter((dimension) => names.includes(dimension));
}

function foreignCursor() {
  return badInput([{ path: 'after', reason: 'is not a cursor of this list' }]);
}

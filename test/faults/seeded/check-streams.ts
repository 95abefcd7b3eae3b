import type { CastEvent } from '../../support/client.js';
import { outputOf } from '../support.js';
import type { CastRow } from './cast-rows.js';
import type { Watched } from './watch-stream.js';

/**
 * The stream of a cast as somebody saw it: CastQueued first, CastFinished once and last, rising, nothing twice. Unless
 * Redis was lost since the cast began, no number is missing and the last attempt's outputs are the cast's output.
 */
export function checkStream(watched: Watched, row: CastRow | undefined, wasRedisLost: boolean): string[] {
  const { castId, events, problem } = watched;
  const name = `stream of ${castId}`;
  if (problem !== null) return [`${name}: ${problem}`];
  if (row === undefined) return [];
  const problems = [...findDisorder(events), ...findWrongEnd(events, row)];
  if (!wasRedisLost) problems.push(...findIncomplete(events, row));
  return problems.map((text) => `${name}: ${text} in ${summarize(events)}`);
}

function findDisorder(events: CastEvent[]): string[] {
  const problems: string[] = [];
  if (events[0]?.__typename !== 'CastQueued' || events[0].sequence !== 1)
    problems.push('does not begin with CastQueued');
  for (const [index, event] of events.entries()) {
    const before = events[index - 1];
    if (before === undefined) continue;
    if (event.sequence <= before.sequence)
      problems.push(`sequence ${event.sequence} after ${before.sequence}`);
    if (event.attempt < before.attempt) problems.push(`attempt ${event.attempt} after ${before.attempt}`);
    if (!isAfter(event.cursor, before.cursor)) problems.push(`cursor ${event.cursor} after ${before.cursor}`);
  }
  return problems;
}

function isAfter(cursor: string, before: string): boolean {
  const [attempt = 0, place = 0] = cursor.split('-').map(Number);
  const [attemptBefore = 0, placeBefore = 0] = before.split('-').map(Number);
  return attempt > attemptBefore || (attempt === attemptBefore && place > placeBefore);
}

function findWrongEnd(events: CastEvent[], row: CastRow): string[] {
  const last = events.at(-1);
  const ends = events.filter(({ __typename }) => __typename === 'CastFinished').length;
  if (last?.__typename !== 'CastFinished' || ends !== 1)
    return [`ends with ${last?.__typename}, ${ends} CastFinished`];
  const { status, costMicros, attempts, output, error } = last.cast;
  const seen = { status, costMicros, attempts, code: error?.code ?? null, sequence: last.sequence, output };
  const stored = {
    status: row.status,
    costMicros: row.cost_micros,
    attempts: row.attempts,
    code: row.error_code,
    sequence: row.final_sequence,
    output: row.output,
  };
  if (JSON.stringify(seen) === JSON.stringify(stored)) return [];
  return [`CastFinished says ${JSON.stringify(seen)}, the row ${JSON.stringify(stored)}`];
}

function findIncomplete(events: CastEvent[], row: CastRow): string[] {
  const problems: string[] = [];
  const isGapless = events.every(({ sequence }, index) => sequence === index + 1);
  if (!isGapless) problems.push('a number is missing');
  const starts = events.filter(({ __typename }) => __typename === 'CastStarted').length;
  if (row.status === 'SUCCEEDED' && starts === 0) problems.push('no CastStarted');
  const output = outputOf(events, row.attempts);
  if (row.status === 'SUCCEEDED' && output !== row.output)
    problems.push(`the outputs of attempt ${row.attempts} are ${JSON.stringify(output)}`);
  return problems;
}

/** Short enough for a line: type, cursor and sequence of each event. */
function summarize(events: CastEvent[]): string {
  const brief = (event: CastEvent) =>
    `${event.__typename?.replace('Cast', '')} ${event.cursor} #${event.sequence}`;
  return `[${events.map(brief).join(', ')}]`;
}

import { randomFillSync } from 'node:crypto';
import { v7, validate, version } from 'uuid';
import type { Clock } from './clock.js';

const RANDOM_BYTES = 16;
// Drawn for many ids at once: alone it costs more than the rest of an id.
const pool = new Uint8Array(256 * RANDOM_BYTES);
let drawn = pool.length;

/** A UUIDv7 (RFC 9562): sorts by creation time, so an index on it is also a timeline. */
export function newId(clock: Clock): string {
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  drawn += RANDOM_BYTES;
  return v7({ msecs: clock.now().getTime(), random: pool.slice(drawn - RANDOM_BYTES, drawn) });
}

export function isId(value: string): boolean {
  return validate(value) && version(value) === 7;
}

import { v7, validate, version } from 'uuid';
import type { Clock } from './clock.js';
import { takeRandom } from './random-bytes.js';

const RANDOM_BYTES = 16;

/** A UUIDv7 (RFC 9562): sorts by creation time, so an index on it is also a timeline. */
export function newId(clock: Clock): string {
  return v7({ msecs: clock.now().getTime(), random: takeRandom(RANDOM_BYTES) });
}

export function isId(value: string): boolean {
  return validate(value) && version(value) === 7;
}

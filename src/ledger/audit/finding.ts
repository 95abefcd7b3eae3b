import { TILE_WIDTH, type TileName } from '../merkle/tile.js';

/** The first thing that is wrong: with an entry, where one can be named, else with a file. */
export interface AuditProblem {
  /** The first entry that may be bad; null when it is about no entry. */
  sequence: number | null;
  /** The last one that may be, where the first cannot be told from those after it; null when there is one or none. */
  lastSequence: number | null;
  file: string;
  reason: string;
}

/** The entries from `first` to `last`, both of them. */
export interface SequenceRange {
  first: number;
  last: number;
}

/** Ends an audit or a copy: what comes after the first bad entry says nothing more. */
export class Finding extends Error {
  readonly problem: AuditProblem;

  constructor(where: number | SequenceRange | null, file: string, reason: string) {
    super(reason);
    const { first, last } = typeof where === 'number' ? { first: where, last: where } : (where ?? NOWHERE);
    this.problem = { sequence: first, lastSequence: last === first ? null : last, file, reason };
  }
}

const NOWHERE = { first: null, last: null };

/** The entries that a tile or bundle speaks of; with `at`, those under one of its hashes. */
export function entriesUnder({ level, index, width }: TileName, at?: number): SequenceRange {
  const each = TILE_WIDTH ** (level === 'entries' ? 0 : level);
  const first = (index * TILE_WIDTH + (at ?? 0)) * each;
  return { first, last: first + (at === undefined ? width : 1) * each - 1 };
}

/** The place of the first hash or byte group that differs; null when none does. */
export function firstDifference(one: Uint8Array, other: Uint8Array, step: number): number | null {
  const end = Math.max(one.length, other.length);
  for (let at = 0; at * step < end; at += 1) {
    const [from, to] = [at * step, (at + 1) * step];
    if (Buffer.compare(one.subarray(from, to), other.subarray(from, to)) !== 0) return at;
  }
  return null;
}

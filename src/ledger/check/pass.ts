import type { CompactRange } from '../merkle/compact-range.js';

/** One pass over the log: what has been seen of it so far, and the checkpoint it has to arrive at. */
export interface Pass {
  size: number;
  root: Buffer;
  range: CompactRange;
  previous: string;
  /** The size of the last checkpoint seen; null before the first, which is of nothing. */
  checkpoint: number | null;
}

import { PAGE_MAX, PageInfo, badInput, type Connection } from '../platform/index.js';
import type { LedgerEntry } from './find-entries.js';
import { isTreeSize } from './merkle/tree-size.js';

const PAGE_DEFAULT = 25;

export interface EntryPage {
  first: number;
  afterSequence: number;
}

/** Checks `first` and `after`; the cursor is the sequence of the last entry seen, and entries never move. */
export function parseEntryPage(
  first: number | null | undefined,
  after: string | null | undefined,
): EntryPage {
  const size = first ?? PAGE_DEFAULT;
  if (size < 1 || size > PAGE_MAX)
    throw badInput([{ path: 'first', reason: `must be from 1 to ${PAGE_MAX}` }]);
  if (after === null || after === undefined) return { first: size, afterSequence: -1 };
  const [, sequence] = /^entry:(\d{1,16})$/.exec(Buffer.from(after, 'base64url').toString()) ?? [];
  if (sequence === undefined || !isTreeSize(Number(sequence)))
    throw badInput([{ path: 'after', reason: 'is not a cursor of this list' }]);
  return { first: size, afterSequence: Number(sequence) };
}

/** Builds a connection of a page of entries. */
export function toEntryConnection<T>(
  { entries, isMore }: { entries: LedgerEntry[]; isMore: boolean },
  toNode: (entry: LedgerEntry) => T,
): Connection<T> {
  const edges = entries.map((entry) => ({
    cursor: Buffer.from(`entry:${entry.leaf.sequence}`).toString('base64url'),
    node: toNode(entry),
  }));
  const pageInfo = Object.assign(new PageInfo(), {
    hasNextPage: isMore,
    hasPreviousPage: false,
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges.at(-1)?.cursor ?? null,
  });
  return { edges, pageInfo };
}

import { TABLE_ELEMENTS_MAX } from './limits.js';
import type { TableEntry } from './module-structure.js';

/**
 * How large each table may become. Only `table.grow` makes one larger: where no function has it, tables stay as they
 * begin. Otherwise every table gets an equal share of what all of them may come to, if it does not ask for less.
 */
export function tableBounds(tables: readonly TableEntry[], growsTables: boolean): number[] {
  const share = growsTables ? Math.floor(TABLE_ELEMENTS_MAX / Math.max(tables.length, 1)) : 0;
  return tables.map(({ limits }) => {
    const bound = Math.max(share, limits.initial);
    return Math.min(limits.maximum ?? bound, bound);
  });
}

/** How many elements all tables together may come to. */
export function tableElements(tables: readonly TableEntry[], growsTables: boolean): number {
  return tableBounds(tables, growsTables).reduce((sum, bound) => sum + bound, 0);
}

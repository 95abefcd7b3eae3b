/** The items of a group; those before `next` have been taken. */
interface Group<Item> {
  items: Item[];
  next: number;
}

// Taking the first of a long array moves all others, so what was taken is cut off many at a time.
const CUT_AFTER = 1_000;

/**
 * A queue of groups that take turns: the first of each group, then the second of each. Within a group it is first come,
 * first served; and who has many waiting makes nobody else wait longer than one turn.
 */
export class FairQueue<Item> {
  // In the order of their turns: a group that had its turn is put last.
  readonly #groups = new Map<string, Group<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  sizeOf(name: string): number {
    const group = this.#groups.get(name);
    return group === undefined ? 0 : group.items.length - group.next;
  }

  push(name: string, item: Item): void {
    const group = this.#groups.get(name);
    if (group === undefined) this.#groups.set(name, { items: [item], next: 0 });
    else group.items.push(item);
    this.#size += 1;
  }

  /** The next items, as long as they fit. */
  takeWhile(fits: (item: Item, taken: number) => boolean): Item[] {
    const taken: Item[] = [];
    // What is put last is reached again by the same loop, so it goes round until nothing is left or fits.
    for (const [name, group] of this.#groups) {
      const item = group.items[group.next];
      if (item === undefined || !fits(item, taken.length)) break;
      taken.push(item);
      group.next += 1;
      this.#size -= 1;
      this.#groups.delete(name);
      if (group.next < group.items.length) this.#groups.set(name, group);
      if (group.next === CUT_AFTER) group.items.splice(0, CUT_AFTER);
      group.next %= CUT_AFTER;
    }
    return taken;
  }

  takeAllOf(name: string): Item[] {
    const group = this.#groups.get(name);
    if (group === undefined) return [];
    this.#groups.delete(name);
    this.#size -= group.items.length - group.next;
    return group.items.slice(group.next);
  }
}

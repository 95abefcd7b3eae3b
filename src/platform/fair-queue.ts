/**
 * A queue of groups that take turns: the first of each group, then the second of each. Within a group it is first come,
 * first served; and who has many waiting makes nobody else wait longer than one turn.
 */
export class FairQueue<Item> {
  // In the order of their turns: a group that had its turn is put last.
  readonly #groups = new Map<string, Item[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  sizeOf(group: string): number {
    return this.#groups.get(group)?.length ?? 0;
  }

  push(group: string, item: Item): void {
    const items = this.#groups.get(group);
    if (items === undefined) this.#groups.set(group, [item]);
    else items.push(item);
    this.#size += 1;
  }

  /** The next items, as long as they fit. */
  takeWhile(fits: (item: Item, taken: number) => boolean): Item[] {
    const taken: Item[] = [];
    // What is put last is reached again by the same loop, so it goes round until nothing is left or fits.
    for (const [group, items] of this.#groups) {
      const [item] = items;
      if (item === undefined || !fits(item, taken.length)) break;
      items.shift();
      taken.push(item);
      this.#size -= 1;
      this.#groups.delete(group);
      if (items.length > 0) this.#groups.set(group, items);
    }
    return taken;
  }

  takeAllOf(group: string): Item[] {
    const items = this.#groups.get(group) ?? [];
    this.#groups.delete(group);
    this.#size -= items.length;
    return items;
  }
}

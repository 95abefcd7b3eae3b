/** C2SP tlog-tiles: 256 hashes side by side, so that eight levels of the tree are one file. */
export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 256;
// 256^6 leaves under one hash of level 6 are more than a size can say.
export const TILE_LEVEL_MAX = 6;

/** A tile of the tree, or a bundle of entries. Width 256 is a full one. */
export interface TileName {
  level: number | 'entries';
  index: number;
  width: number;
}

/** How many hashes level `level` has in a tree of this size: the roots of full subtrees of `256^level` leaves. */
export function hashesAt(level: number, treeSize: number): number {
  return Math.floor(treeSize / TILE_WIDTH ** level);
}

/** How wide a tile is in a tree of this size; 0 when the tree does not reach it. */
export function widthOf(level: number, index: number, treeSize: number): number {
  return Math.max(0, Math.min(TILE_WIDTH, hashesAt(level, treeSize) - index * TILE_WIDTH));
}

/** `tile/0/x001/234`, `tile/entries/000.p/17`: where a tile is served, below the prefix of the log. */
export function tilePath({ level, index, width }: TileName): string {
  const groups: string[] = [];
  let rest = index;
  do {
    groups.unshift(String(rest % 1_000).padStart(3, '0'));
    rest = Math.floor(rest / 1_000);
  } while (rest > 0);
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

const TILE_PATH = /^tile\/(entries|[0-6])\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** The tile that a path names; null when there can be none under this path, which has exactly one right way to be written. */
export function parseTilePath(path: string): TileName | null {
  const [, level, groups = '', width = String(TILE_WIDTH)] = TILE_PATH.exec(path) ?? [];
  if (level === undefined) return null;
  const name: TileName = {
    level: level === 'entries' ? level : Number(level),
    index: Number(groups.replaceAll(/[x/]/g, '')),
    width: Number(width),
  };
  return Number.isSafeInteger(name.index) && tilePath(name) === path ? name : null;
}

/** Every tile that a tree of this size consists of, partial ones at their width; no bundles of entries. */
export function* tilesOf(treeSize: number): Generator<TileName & { level: number }> {
  for (let level = 0; level <= TILE_LEVEL_MAX && hashesAt(level, treeSize) > 0; level += 1) {
    const count = Math.ceil(hashesAt(level, treeSize) / TILE_WIDTH);
    for (let index = 0; index < count; index += 1)
      yield { level, index, width: widthOf(level, index, treeSize) };
  }
}

/** One reason why a package may not be trusted. `path` names the place: "manifest.json/runtime/timeout_ms". */
export interface PackageProblem {
  path: string;
  reason: string;
}

/** One part of a package, read, or everything that is wrong with it. */
export type Part<T> = { ok: true; value: T } | { ok: false; problems: PackageProblem[] };

/** Joins a place and the keys below it the way every path of this room is written. */
export function joinPath(place: string, keys: readonly PropertyKey[]): string {
  return [place, ...keys.map(String)].join('/');
}

/** The text of whatever a library threw, for a reason that a maker reads. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

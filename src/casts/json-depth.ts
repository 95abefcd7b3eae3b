// Deeper than any sensible document, and far from where writing it as JSON again would overflow the stack.
export const JSON_DEPTH_MAX = 256;

/** Is a parsed JSON value nested more than JSON_DEPTH_MAX levels? Walks level by level, so that it cannot overflow itself. */
export function isTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= JSON_DEPTH_MAX; depth++) {
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
    if (level.length === 0) return false;
  }
  return true;
}

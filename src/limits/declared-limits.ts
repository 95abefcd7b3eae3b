import { RUN_LIMITS, type RunLimitField, type RunLimitRow, type RunLimits } from './run-limits.js';

/** What a manifest says of limits, by field. One that was stored before a limit existed has no value for it. */
export type DeclaredFields = { readonly [Field in RunLimitField]?: number };

/** What is in force where nothing was declared. */
function defaultOf(row: RunLimitRow, declared: DeclaredFields): number {
  if (row.default !== 'timeout_ms') return row.default;
  return declared.timeout_ms ?? defaultOf(RUN_LIMITS[0], declared);
}

/** All limits that a manifest sets for every run, in the units of their keys. */
export function toRunLimits(declared: DeclaredFields): RunLimits {
  const values = RUN_LIMITS.map((row) => {
    const value = declared[row.field] ?? defaultOf(row, declared);
    return [row.key, row.key === 'maxFuel' ? BigInt(value) : value * row.scale];
  });
  return Object.fromEntries(values) as RunLimits;
}

/** Of two limits of each kind the stricter. CPU time above the wall clock would never bind, so it goes down with it. */
export function strictest(declared: RunLimits, lowered: Partial<RunLimits>): RunLimits {
  const values = RUN_LIMITS.map(({ key }) => {
    const most = declared[key];
    const asked = lowered[key];
    return [key, asked === undefined || asked > most ? most : asked];
  });
  const limits = Object.fromEntries(values) as RunLimits;
  return { ...limits, maxCpuMs: Math.min(limits.maxCpuMs, limits.timeoutMs) };
}

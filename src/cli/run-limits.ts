import { optionOf, RUN_LIMITS, toRunLimits, type RunLimits } from '../limits/index.js';
import { UsageError } from './usage-error.js';

/** A module without a package runs under what an empty manifest would declare. */
export const DEFAULT_LIMITS: RunLimits = toRunLimits({});

/** The most that any manifest may declare, so what runs here can be published with these limits. */
const MOST_LIMITS: RunLimits = toRunLimits(
  Object.fromEntries(RUN_LIMITS.map(({ field, most }) => [field, most])),
);

/** One option for each limit, as `parseArgs` wants them. */
export const LIMIT_OPTIONS: Record<string, { type: 'string' }> = Object.fromEntries(
  RUN_LIMITS.map((row) => [optionOf(row), { type: 'string' }]),
);

/** The values of the limit options as they were written. */
export type LimitTexts = Readonly<Record<string, unknown>>;

/** As in a request for a cast, what a manifest declares can be lowered only. */
export function limitsFor(texts: LimitTexts, declared: RunLimits | null): RunLimits {
  const usual = declared ?? DEFAULT_LIMITS;
  const most = declared ?? MOST_LIMITS;
  const values = RUN_LIMITS.map((row) => {
    const text = texts[optionOf(row)];
    if (typeof text !== 'string') return [row.key, usual[row.key]];
    const value = /^\d{1,18}$/.test(text) ? BigInt(text) : -1n;
    const highest = BigInt(most[row.key]) / BigInt(row.scale);
    if (value < row.least || value > highest) {
      const who = declared === null ? 'what any manifest may declare' : 'what the manifest allows';
      const range = `from ${row.least} to ${highest}, ${who}`;
      throw new UsageError(`--${optionOf(row)} must be a whole number ${range}, not "${text}"`);
    }
    return [row.key, row.key === 'maxFuel' ? value : Number(value) * row.scale];
  });
  const limits = Object.fromEntries(values) as RunLimits;
  const isCpuSaid = typeof texts['max-cpu-ms'] === 'string' || declared !== null;
  return { ...limits, maxCpuMs: isCpuSaid ? Math.min(limits.maxCpuMs, limits.timeoutMs) : limits.timeoutMs };
}

/** One line of help for each option. */
export function describeLimitOptions(): string {
  const rows = RUN_LIMITS.map((row) => {
    const usual = typeof row.default === 'number' ? row.default : '--timeout-ms';
    return `  ${`--${optionOf(row)} N`.padEnd(27)} ${row.covers.split(/[,;(]/)[0]?.trim()}; default ${usual}`;
  });
  return rows.join('\n');
}

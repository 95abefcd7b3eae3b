import type { SandboxLimits } from '../sandbox/index.js';
import { UsageError } from './usage-error.js';

const MIB = 1024 * 1024;

/** Kept of stderr in any cast; the platform's own, no manifest changes it. */
const LOG_BYTES_MAX = MIB;

/** A cast takes no larger input. */
export const INPUT_BYTES_MAX = 8 * MIB;

/** A module without a package runs under what an empty manifest would declare. */
export const DEFAULT_LIMITS: SandboxLimits = {
  timeoutMs: 10_000,
  maxMemoryBytes: 64 * MIB,
  maxOutputBytes: 10 * MIB,
  maxLogBytes: LOG_BYTES_MAX,
  maxFuel: 10_000_000_000n,
};

/** The most that any manifest may declare, so what runs here can be published with these limits. */
const MOST_LIMITS: SandboxLimits = {
  timeoutMs: 300_000,
  maxMemoryBytes: 1024 * MIB,
  maxOutputBytes: 50 * MIB,
  maxLogBytes: LOG_BYTES_MAX,
  maxFuel: 9_000_000_000_000_000n,
};

/** The values of the limit options as they were written. */
export interface LimitTexts {
  'max-fuel'?: string | undefined;
  'timeout-ms'?: string | undefined;
  'max-memory-mb'?: string | undefined;
  'max-output-mb'?: string | undefined;
}

/** As in a request for a cast, what a manifest declares can be lowered only. */
export function limitsFor(
  texts: LimitTexts,
  declared: Omit<SandboxLimits, 'maxLogBytes'> | null,
): SandboxLimits {
  const usual = declared ?? DEFAULT_LIMITS;
  const most = declared ?? MOST_LIMITS;
  const choose = (name: keyof LimitTexts, unit: number, usualValue: bigint, mostValue: bigint): bigint => {
    const text = texts[name];
    if (text === undefined) return usualValue;
    const value = /^\d{1,18}$/.test(text) ? BigInt(text) : 0n;
    const highest = mostValue / BigInt(unit);
    if (value >= 1n && value <= highest) return value * BigInt(unit);
    const who = declared === null ? 'what any manifest may declare' : 'what the manifest allows';
    throw new UsageError(`--${name} must be a whole number from 1 to ${highest}, ${who}, not "${text}"`);
  };
  const chooseNumber = (
    name: keyof LimitTexts,
    unit: number,
    key: 'timeoutMs' | 'maxMemoryBytes' | 'maxOutputBytes',
  ) => Number(choose(name, unit, BigInt(usual[key]), BigInt(most[key])));
  return {
    timeoutMs: chooseNumber('timeout-ms', 1, 'timeoutMs'),
    maxMemoryBytes: chooseNumber('max-memory-mb', MIB, 'maxMemoryBytes'),
    maxOutputBytes: chooseNumber('max-output-mb', MIB, 'maxOutputBytes'),
    maxLogBytes: LOG_BYTES_MAX,
    maxFuel: choose('max-fuel', 1, usual.maxFuel, most.maxFuel),
  };
}

import { isUtf8 } from 'node:buffer';
import { castFieldOf, RUN_LIMITS, strictest, type CastLimitValues, type RunLimits } from '../limits/index.js';
import { AppError, badInput, isStorable, type InputProblem } from '../platform/index.js';
import { declaredLimits } from '../provenance/index.js';
import { meteredMicros, priceMicros, type ResolvedVersion } from '../spells/index.js';
import type { CastLimits } from './cast.js';
import { findSizeProblem } from './check-json.js';

/** A request for a cast, as both edges hand it over. */
export interface CastRequest {
  spell: string;
  input?: unknown;
  inputBase64?: string | null;
  idempotencyKey?: string | null;
  endUser?: string | null;
  maxCostMicros?: bigint | null;
  limits?: CastLimitValues | null;
}

const KIB = 1024;
const IDEMPOTENCY_KEY_CHARACTERS_MAX = 255;
const END_USER_CHARACTERS_MAX = 255;

/** Refuses, before anything is done with it, what could not even be written down again. */
export function checkRequestShape(request: CastRequest): void {
  checkSize(request.input ?? null);
}

/**
 * The bytes for the guest's stdin, checked against the declared format; and for a spell that takes JSON the value, for its
 * schema. An input that came as a value is neither parsed nor written again (`inputText` is it): a large one would hold
 * the thread once more.
 */
export function readInput(
  version: ResolvedVersion,
  request: CastRequest,
  inputText: string,
): { bytes: Buffer; value: unknown } {
  const format = version.version.manifest.io.input_format;
  if (typeof request.inputBase64 === 'string' && request.input !== undefined && request.input !== null) {
    throw badInput([{ path: 'input', reason: 'give at most one of input and inputBase64' }]);
  }
  const bytes =
    typeof request.inputBase64 === 'string'
      ? decodeInput(request.inputBase64)
      : encodeInput(format, request.input ?? null, inputText);
  const bytesMax = inputBytesMax(version, request);
  if (bytes.length > bytesMax) {
    throw new AppError('PAYLOAD_TOO_LARGE', `an input of this cast has at most ${bytesMax} bytes`);
  }
  if (format === 'text' && !isUtf8(bytes)) {
    throw badInput([{ path: 'inputBase64', reason: 'this spell takes text: must be UTF-8' }]);
  }
  if (format !== 'json') return { bytes, value: undefined };
  return {
    bytes,
    value: typeof request.inputBase64 === 'string' ? parseInput(bytes) : (request.input ?? null),
  };
}

function inputBytesMax(version: ResolvedVersion, request: CastRequest): number {
  const { maxInputBytes } = declaredLimits(version.version.manifest);
  const askedKb = request.limits?.maxInputKb;
  return askedKb === null || askedKb === undefined ? maxInputBytes : Math.min(maxInputBytes, askedKb * KIB);
}

function encodeInput(format: string, input: unknown, inputText: string): Buffer {
  if (format === 'json') return Buffer.from(inputText);
  if (input === null) return Buffer.alloc(0);
  if (typeof input === 'string' && !input.isWellFormed())
    throw badInput([{ path: 'input', reason: 'has half of a surrogate pair, which UTF-8 cannot hold' }]);
  if (typeof input === 'string') return Buffer.from(input);
  const reason =
    format === 'text' ? 'this spell takes text: must be a string' : 'this spell takes bytes: use inputBase64';
  throw badInput([{ path: 'input', reason }]);
}

function checkSize(input: unknown): void {
  const problem = findSizeProblem(input);
  if (problem !== null) throw badInput([{ path: 'input', reason: problem }]);
}

function decodeInput(text: string): Buffer {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw badInput([{ path: 'inputBase64', reason: 'is not base64' }]);
  }
  return Buffer.from(text, 'base64');
}

function parseInput(bytes: Buffer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (error) {
    throw badInput([{ path: 'input', reason: `is not JSON: ${(error as Error).message}` }]);
  }
  checkSize(value);
  return value;
}

/** Limits with a column of their own in `casts`. */
const COLUMNS: ReadonlySet<string> = new Set(['timeoutMs', 'maxMemoryBytes', 'maxOutputBytes', 'maxFuel']);

/** The limits of the manifest, lowered by the request. A request cannot raise one. */
export function toLimits(version: ResolvedVersion, request: CastRequest): CastLimits {
  const { manifest } = version.version;
  const asked = readLowered(declaredLimits(manifest), request.limits ?? {});
  const problems = [...asked.problems, ...checkWords(request)];
  if (problems.length > 0) throw badInput(problems);
  const { timeoutMs, maxMemoryBytes, maxOutputBytes, maxFuel } = strictest(
    declaredLimits(manifest),
    asked.lowered,
  );
  return {
    timeoutMs,
    maxMemoryBytes,
    maxOutputBytes,
    maxFuel: affordableFuel(manifest.pricing, maxFuel, request.maxCostMicros ?? null),
    lowered: Object.fromEntries(Object.entries(asked.lowered).filter(([key]) => !COLUMNS.has(key))),
  };
}

/** What the request says of limits, in the units of the sandbox. */
function readLowered(
  declared: RunLimits,
  asked: CastLimitValues,
): { lowered: Partial<RunLimits>; problems: InputProblem[] } {
  const problems: InputProblem[] = [];
  const lowered: Record<string, number | bigint> = {};
  for (const row of RUN_LIMITS) {
    const field = castFieldOf(row);
    const value = asked[field];
    if (value === null || value === undefined) continue;
    const most = BigInt(declared[row.key]) / BigInt(row.scale);
    if (value >= row.least && value <= most) {
      lowered[row.key] = typeof value === 'bigint' ? value : value * row.scale;
    } else {
      const reason = `must be from ${row.least} to ${most}, what the manifest allows`;
      problems.push({ path: `limits/${field}`, reason });
    }
  }
  return { lowered, problems };
}

function checkWords(request: CastRequest): InputProblem[] {
  const problems: InputProblem[] = [];
  const { idempotencyKey, endUser } = request;
  if (typeof idempotencyKey === 'string' && !isWord(idempotencyKey, IDEMPOTENCY_KEY_CHARACTERS_MAX)) {
    problems.push({
      path: 'idempotencyKey',
      reason: `must have 1 to ${IDEMPOTENCY_KEY_CHARACTERS_MAX} characters, no NUL and no half of a surrogate pair`,
    });
  }
  if (typeof endUser === 'string' && !isWord(endUser, END_USER_CHARACTERS_MAX)) {
    problems.push({
      path: 'endUser',
      reason: `must have 1 to ${END_USER_CHARACTERS_MAX} characters, no NUL and no half of a surrogate pair`,
    });
  }
  return problems;
}

// What could not be kept as it is would be kept as another word, and two of those could become one.
function isWord(text: string, charactersMax: number): boolean {
  return text.length > 0 && text.length <= charactersMax && isStorable(text);
}

type Pricing = ResolvedVersion['version']['manifest']['pricing'];

/** The most fuel whose price stays within `maxCostMicros`; refuses when not even one unit does. */
function affordableFuel(pricing: Pricing, fuel: bigint, maxCostMicros: bigint | null): bigint {
  if (maxCostMicros === null || priceMicros(pricing, fuel) <= maxCostMicros) return fuel;
  const leastMicros = priceMicros(pricing, 1n);
  if (pricing.model !== 'metered' || leastMicros > maxCostMicros) {
    throw badInput([{ path: 'maxCostMicros', reason: `this cast costs at least ${leastMicros} micros` }]);
  }
  const metered = maxCostMicros - priceMicros(pricing, 0n);
  const affordable = (metered * 1_000_000_000n) / BigInt(pricing.micros_per_gigafuel);
  if (meteredMicros(pricing, affordable) > metered) throw new Error('the affordable fuel is not affordable');
  return affordable;
}

import { isUtf8 } from 'node:buffer';
import { sha256, type BlobStore, type Digest } from '../platform/index.js';
import type { SandboxOutcome } from '../sandbox/index.js';
import { meteredMicros, priceMicros, type ResolvedVersion } from '../spells/index.js';
import { JSON_DEPTH_MAX, isTooDeep } from './json-depth.js';
import { INLINE_OUTPUT_BYTES_MAX, type CastErrorCode, type CastLimits, type FinalStatus } from './cast.js';

/** How an attempt ended, before it is written down. */
export interface CastResult {
  status: FinalStatus;
  output: Buffer | null;
  error: { code: CastErrorCode; message: string } | null;
}

type EndedOutcome = Exclude<SandboxOutcome, { kind: 'lost' }>;

/** A run that succeeded is a cast that succeeded only if its output is what the manifest declares. */
export function toResult(version: ResolvedVersion, outcome: EndedOutcome, output: Buffer): CastResult {
  switch (outcome.kind) {
    case 'canceled':
      return { status: 'CANCELED', output: null, error: null };
    case 'failed':
      return { status: 'FAILED', output: null, error: { code: outcome.code, message: outcome.message } };
    case 'succeeded': {
      const problem = findOutputProblem(version.version.manifest.io.output_format, output);
      return problem === null
        ? { status: 'SUCCEEDED', output, error: null }
        : { status: 'FAILED', output: null, error: { code: 'INVALID_OUTPUT', message: problem } };
    }
  }
}

function findOutputProblem(format: string, output: Buffer): string | null {
  if (format === 'bytes') return null;
  if (!isUtf8(output)) return `the manifest declares ${format} output, but the output is not UTF-8`;
  if (format === 'text') return null;
  try {
    const isDeep = isTooDeep(JSON.parse(output.toString()));
    return isDeep ? `the output is nested more than ${JSON_DEPTH_MAX} levels deep` : null;
  } catch (error) {
    return `the manifest declares json output: ${(error as Error).message}`;
  }
}

/** Where an output is kept: in the row when it is small, else as an artifact among the blobs. */
export async function placeOutput(
  blobs: BlobStore,
  output: Buffer | null,
): Promise<{
  output: Buffer | null;
  outputBytes: number | null;
  outputDigest: Digest | null;
  outputIsArtifact: boolean;
}> {
  if (output === null)
    return { output: null, outputBytes: null, outputDigest: null, outputIsArtifact: false };
  const outputIsArtifact = output.length > INLINE_OUTPUT_BYTES_MAX;
  const outputDigest = outputIsArtifact ? await blobs.put(output) : sha256(output);
  return {
    output: outputIsArtifact ? null : output,
    outputBytes: output.length,
    outputDigest,
    outputIsArtifact,
  };
}

/**
 * What a cast costs, by how it ended: the price when it succeeded; what was burned when it was canceled
 * while running or stopped by its deadline or fuel limit; nothing when it trapped, exited with an
 * error, broke a rule or was lost. Fuel that could not be read after a kill counts as none.
 */
export function chargeMicros(
  version: ResolvedVersion,
  limits: CastLimits,
  result: CastResult,
  fuelUsed: bigint | null,
): bigint {
  const { pricing } = version.version.manifest;
  if (result.status === 'SUCCEEDED') return priceMicros(pricing, fuelUsed ?? 0n);
  if (result.error?.code === 'FUEL_EXHAUSTED') return meteredMicros(pricing, limits.maxFuel);
  const isStopped = result.status === 'CANCELED' || result.error?.code === 'DEADLINE_EXCEEDED';
  return isStopped ? meteredMicros(pricing, fuelUsed ?? 0n) : 0n;
}

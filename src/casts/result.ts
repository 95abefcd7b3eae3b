import { isUtf8 } from 'node:buffer';
import { sha256, type BlobStore, type Digest } from '../platform/index.js';
import type { SandboxOutcome } from '../sandbox/index.js';
import { INLINE_OUTPUT_BYTES_MAX, type CastErrorCode, type FinalStatus } from './cast.js';
import { findJsonProblem } from './check-json.js';

/** How an attempt ended, before it is written down. */
export interface CastResult {
  status: FinalStatus;
  output: Buffer | null;
  error: { code: CastErrorCode; message: string } | null;
  /** What the guest itself ended with; null when it was stopped, or trapped. */
  exitCode: number | null;
}

type EndedOutcome = Exclude<SandboxOutcome, { kind: 'lost' }>;

/** A run that succeeded is a cast that succeeded only if its output is what the manifest declares. */
export async function toResult(
  outputFormat: string,
  outcome: EndedOutcome,
  output: Buffer,
): Promise<CastResult> {
  switch (outcome.kind) {
    case 'canceled':
      return { status: 'CANCELED', output: null, error: null, exitCode: null };
    case 'failed': {
      const { code, message } = outcome;
      const exitCode = code === 'EXIT_NONZERO' ? (outcome.exitCode ?? null) : null;
      return { status: 'FAILED', output: null, error: { code, message }, exitCode };
    }
    case 'succeeded': {
      const problem = await findOutputProblem(outputFormat, output);
      return problem === null
        ? { status: 'SUCCEEDED', output, error: null, exitCode: 0 }
        : {
            status: 'FAILED',
            output: null,
            error: { code: 'INVALID_OUTPUT', message: problem },
            exitCode: 0,
          };
    }
  }
}

async function findOutputProblem(format: string, output: Buffer): Promise<string | null> {
  if (format === 'bytes') return null;
  if (!isUtf8(output)) return `the manifest declares ${format} output, but the output is not UTF-8`;
  if (format === 'text') return null;
  const problem = await findJsonProblem(output);
  return problem === null
    ? null
    : `the manifest declares json output, but the output is not JSON: ${problem}`;
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

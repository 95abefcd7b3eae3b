import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { RunLimits } from '../limits/index.js';
import { limitsFor, type LimitTexts } from './run-limits.js';

/** What there is to run, as a cast would run it. */
export interface RunTarget {
  module: Uint8Array;
  /** argv as a cast has it. */
  args: readonly string[];
  environment: Record<string, string>;
  limits: RunLimits;
  mode: 'deterministic' | 'real';
  resources: { digest: string; files: ReadonlyMap<string, Uint8Array> } | null;
}

interface Problem {
  path: string;
  reason: string;
}

const WASM_MAGIC = Buffer.from('\0asm', 'latin1');

/** No cast has this id; it is as long as those of casts, so that a guest that reads it uses the same fuel. */
const DESK_CAST_ID = '00000000-0000-0000-0000-000000000000';

/** The module or package in a file, told apart by how it begins; or why it cannot be run. */
export async function readTarget(
  file: string,
  limits: LimitTexts,
): Promise<{ ok: true; target: RunTarget } | { ok: false; problems: Problem[] }> {
  const bytes = await readFile(file);
  if (!bytes.subarray(0, WASM_MAGIC.length).equals(WASM_MAGIC)) return readPackageTarget(bytes, limits);
  const args = [basename(file)];
  const target = {
    module: bytes,
    args,
    environment: {},
    mode: 'deterministic' as const,
    limits: limitsFor(limits, null),
    resources: null,
  };
  return { ok: true, target };
}

async function readPackageTarget(
  tar: Buffer,
  limits: LimitTexts,
): Promise<{ ok: true; target: RunTarget } | { ok: false; problems: Problem[] }> {
  const provenance = await import('../provenance/index.js');
  const read = await provenance.readPackage(tar);
  if (!read.ok) return read;
  const { manifest, wasm, digest, resources } = read.package;
  const hasResources = manifest.runtime.policy.fs_read.length > 0;
  const target = {
    module: wasm,
    args: provenance.declaredArguments(manifest),
    environment: provenance.declaredEnvironment(manifest, DESK_CAST_ID),
    mode: provenance.declaredMode(manifest),
    limits: limitsFor(limits, provenance.declaredLimits(manifest)),
    resources: hasResources ? { digest, files: provenance.readableResources(manifest, resources) } : null,
  };
  return { ok: true, target };
}

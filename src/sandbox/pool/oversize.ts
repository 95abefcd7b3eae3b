import type { SandboxRun, SandboxVerdict } from '../sandbox-run.js';
import type { SandboxProcess } from './sandbox-process.js';

/** What a run brings along is measured before it begins: nothing of it is ever cut off. */
export function findOversize({ args, env, limits }: SandboxRun): SandboxVerdict | null {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return (
    tooMuch('arguments', terminatedBytes(args.slice(1)), limits.maxArgumentBytes, 'bytes') ??
    tooMuch('environment', terminatedBytes(variables), limits.maxEnvironmentBytes, 'bytes')
  );
}

/** The same for resources, whose size is known when they have been loaded, now or for an earlier run. */
export function findOversizeResources(
  { resourcesDigest, limits }: SandboxRun,
  loaded: ReadonlyMap<string, Uint8Array> | null,
  { resources }: SandboxProcess,
): SandboxVerdict | null {
  if (resourcesDigest === undefined) return null;
  const size = loaded === null ? resources.sizeOf(resourcesDigest) : sizeOf(loaded);
  if (size === undefined) return null;
  return (
    tooMuch('resources', size.bytes, limits.maxResourceBytes, 'bytes') ??
    tooMuch('resources', size.files, limits.maxResourceFiles, 'files')
  );
}

export function sizeOf(files: ReadonlyMap<string, Uint8Array>): { bytes: number; files: number } {
  const bytes = [...files.values()].reduce((total, content) => total + content.length, 0);
  return { bytes, files: files.size };
}

function terminatedBytes(texts: readonly string[]): number {
  return texts.reduce((total, text) => total + Buffer.byteLength(text) + 1, 0);
}

function tooMuch(what: string, size: number, most: number | undefined, unit: string): SandboxVerdict | null {
  if (most === undefined || size <= most) return null;
  const message = `The ${what} of the run have ${size} ${unit}; its limit is ${most}.`;
  return { kind: 'failed', code: 'POLICY_VIOLATION', message };
}

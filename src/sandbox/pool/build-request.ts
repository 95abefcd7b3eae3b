import { FileTree } from '../wasi/file-tree.js';
import type { SandboxRun, SandboxTree } from '../sandbox-run.js';
import { encodeRequest } from '../wire/encode-request.js';
import type { TreeMessage } from '../wire/messages.js';
import { DEFAULT_STACK_BYTES } from '../sandbox-limits.js';
import { sizeOf } from './oversize.js';
import type { SandboxProcess } from './sandbox-process.js';

/** What a run needs that the chosen process does not hold yet. */
interface MissingArtifacts {
  module: Uint8Array | null;
  resources: ReadonlyMap<string, Uint8Array> | null;
}

export async function loadMissing(run: SandboxRun, process: SandboxProcess): Promise<MissingArtifacts> {
  const { resourcesDigest } = run;
  const needsResources = resourcesDigest !== undefined && !process.resources.has(resourcesDigest);
  if (needsResources && run.loadResources === undefined) {
    throw new TypeError('A run with a resourcesDigest must have loadResources.');
  }
  const [module, resources] = await Promise.all([
    process.modules.has(run.moduleDigest) ? null : run.loadModule(),
    needsResources ? (run.loadResources?.() ?? null) : null,
  ]);
  // A tree no process could build is the caller's fault, so it is found here and not answered as lost.
  if (resources !== null) FileTree.fromFiles(resources);
  return { module, resources };
}

/** Writes the request, and notes in the process' books what it will hold from now on. */
export function buildRequest(
  run: SandboxRun,
  process: SandboxProcess,
  missing: MissingArtifacts,
  isWarm: boolean,
): Uint8Array[] {
  const trees = run.trees ?? [];
  const request = {
    ...keepBooks(run, process, missing),
    moduleDigest: run.moduleDigest,
    isWarm,
    moduleBytes: missing.module?.length ?? null,
    resourcesDigest: run.resourcesDigest ?? null,
    resources: missing.resources && sizesOf(missing.resources),
    trees: trees.map(describeTree),
    inputBytes: run.input.length,
    args: run.args,
    env: run.env,
    maxMemoryBytes: run.limits.maxMemoryBytes,
    maxOutputBytes: run.limits.maxOutputBytes,
    maxLogBytes: run.limits.maxLogBytes,
    maxEvents: run.limits.maxEvents ?? Number.MAX_SAFE_INTEGER,
    maxFuel: String(run.limits.maxFuel),
    maxStackBytes: run.limits.maxStackBytes ?? DEFAULT_STACK_BYTES,
    mode: run.mode ?? ('deterministic' as const),
    clockStartNs: String(run.clockStartNs ?? 0n),
    randomSeedBase64: Buffer.from(run.randomSeed ?? []).toString('base64'),
  };
  const moduleBytes = missing.module ?? new Uint8Array(0);
  const files = [
    ...(missing.resources?.values() ?? []),
    ...trees.flatMap(({ files }) => [...files.values()]),
  ];
  return encodeRequest(request, [moduleBytes, ...files, run.input]);
}

/** What the run's memory starts with, when the process has all it needs at hand and told before; else null. */
export function warmStartBytes(
  { moduleDigest, trees = [] }: SandboxRun,
  { startBytes }: SandboxProcess,
  missing: MissingArtifacts,
): number | null {
  const isHeld = missing.module === null && missing.resources === null;
  if (!isHeld || trees.some(({ files }) => files.size > 0)) return null;
  return startBytes.get(moduleDigest) ?? null;
}

function describeTree({ guestPath, isWritable, maxBytes, files, folders, links }: SandboxTree): TreeMessage {
  const names = { folders: folders ?? [], links: [...(links ?? [])] };
  return { guestPath, isWritable, maxBytes, ...names, files: sizesOf(files) };
}

function sizesOf(files: ReadonlyMap<string, Uint8Array>): [path: string, bytes: number][] {
  return [...files].map(([path, bytes]) => [path, bytes.length]);
}

function keepBooks(
  run: SandboxRun,
  { modules, resources, startBytes }: SandboxProcess,
  missing: MissingArtifacts,
): { forgetModules: string[]; forgetResources: string[] } {
  modules.touch(run.moduleDigest);
  if (run.resourcesDigest !== undefined) resources.touch(run.resourcesDigest);
  const forgetModules = missing.module === null ? [] : modules.add(run.moduleDigest, missing.module.length);
  for (const digest of forgetModules) startBytes.delete(digest);
  if (missing.resources === null || run.resourcesDigest === undefined)
    return { forgetModules, forgetResources: [] };
  const { bytes, files } = sizeOf(missing.resources);
  return { forgetModules, forgetResources: resources.add(run.resourcesDigest, bytes, files) };
}

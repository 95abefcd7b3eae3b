import { toResult, type CastResult, type ReceiptContent } from '../casts/index.js';
import type { ReceiptCheck } from '../casts/offline.js';
import { RUN_LIMITS, toRunLimits, type RunLimits } from '../limits/index.js';
import { sha256 } from '../platform/index.js';
import {
  declaredArguments,
  declaredEnvironment,
  readableResources,
  readPackage,
  type SpellPackage,
} from '../provenance/index.js';
import { prepareModule, SandboxPool, temporaryTrees, type SandboxOutcome } from '../sandbox/index.js';

interface ReplayedRun {
  ok: true;
  result: CastResult;
  fuelUsed: bigint | null;
}

/** The most time any manifest may declare: a slower machine than the one that ran the cast needs more of it. */
const { timeoutMs: TIMEOUT_MS, maxCpuMs: CPU_MS } = toRunLimits(
  Object.fromEntries(RUN_LIMITS.map(({ field, most }) => [field, most])),
);

/** Runs what the receipt describes, in the sandbox as a worker does; or says why this machine cannot. */
export async function replayCast(
  content: ReceiptContent,
  { tar, input }: { tar: Buffer; input: Buffer },
): Promise<ReplayedRun | { ok: false; reason: string }> {
  const read = await readPackage(tar);
  if (!read.ok) return { ok: false, reason: 'this version of spell does not read the package' };
  const prepared = await prepareModule(read.package.wasm);
  if (!prepared.ok) return { ok: false, reason: 'this version of spell does not run the module' };
  const { costTable } = content.spell;
  if (prepared.costTable !== costTable)
    return {
      ok: false,
      reason: `it was metered by cost table ${costTable}; this version of spell has ${prepared.costTable}`,
    };
  // The same table is the same fuel, however the counting code looks; but only the module that ran proves what ran.
  const meteredDigest = sha256(prepared.bytes);
  if (meteredDigest !== content.spell.meteredDigest)
    return {
      ok: false,
      reason: `the receipt says that ${content.spell.meteredDigest} ran; this version of spell makes ${meteredDigest} of the module`,
    };
  const pool = new SandboxPool({ size: 1, spares: 0, maxCastsPerProcess: 2 });
  try {
    await pool.start();
    const output: Buffer[] = [];
    const outcome = await runIn(pool, content, read.package, { module: prepared.bytes, input, output });
    if (outcome.kind === 'lost') return { ok: false, reason: `the sandbox failed: ${outcome.message}` };
    const result = await toResult(read.package.manifest.io.output_format, outcome, Buffer.concat(output));
    if (result.error?.code === 'DEADLINE_EXCEEDED')
      return { ok: false, reason: `this machine did not come to its end: ${result.error.message}` };
    return { ok: true, result, fuelUsed: outcome.fuelUsed };
  } finally {
    await pool.stop();
  }
}

function runIn(
  pool: SandboxPool,
  { castId, run }: ReceiptContent,
  { manifest, resources, digest }: SpellPackage,
  { module, input, output }: { module: Uint8Array; input: Buffer; output: Buffer[] },
): Promise<SandboxOutcome> {
  const limits: RunLimits = {
    ...run.limits,
    maxFuel: BigInt(run.limits.maxFuel),
    timeoutMs: TIMEOUT_MS,
    maxCpuMs: CPU_MS,
  };
  const hasResources = manifest.runtime.policy.fs_read.length > 0;
  return pool.run({
    moduleDigest: sha256(module),
    loadModule: async () => module,
    ...(hasResources
      ? { resourcesDigest: digest, loadResources: async () => readableResources(manifest, resources) }
      : {}),
    input,
    args: declaredArguments(manifest),
    env: declaredEnvironment(manifest, castId),
    limits,
    trees: temporaryTrees(limits.maxTmpBytes),
    mode: run.mode,
    clockStartNs: BigInt(run.clockStartNs),
    randomSeed: Buffer.from(run.randomSeed, 'hex'),
    onOutput: (chunk) => output.push(chunk),
    onLog: () => undefined,
  });
}

/** What the replay reached beside what the receipt says. */
export function compareReplay(
  { ending, output }: ReceiptContent,
  { result, fuelUsed }: ReplayedRun,
): ReceiptCheck[] {
  const compare = (name: string, here: string | null, there: string | null): ReceiptCheck => ({
    name,
    ok: here === there,
    detail: here === there ? String(here) : `${here} here, ${there} in the receipt`,
  });
  const describeEnd = (status: string, code: string | null | undefined, exitCode: number | null): string =>
    `${status}${code == null ? '' : ` ${code}`}, exit code ${exitCode ?? 'none'}`;
  return [
    compare(
      'ending',
      describeEnd(result.status, result.error?.code, result.exitCode),
      describeEnd(ending.status, ending.errorCode, ending.exitCode),
    ),
    compare('output', result.output === null ? null : sha256(result.output), output?.digest ?? null),
    compare('fuel', fuelUsed?.toString() ?? null, ending.fuelUsed),
  ];
}

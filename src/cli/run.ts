import {
  CLOCK_START_NS,
  MAX_TREES_BYTES,
  prepareModule,
  SandboxPool,
  seedOf,
  temporaryTrees,
  type PreparedModule,
  type SandboxOutcome,
  type SandboxUsage,
} from '../sandbox/index.js';
import { digestOf } from './digest.js';
import { loadFolders } from './load-folder.js';
import { endOf, exitCodeOf, type RunEnd } from './run-exit.js';
import { DEFAULT_LIMITS } from './run-limits.js';
import { parseRun, readInput, RUN_HELP } from './run-options.js';
import { RunOutput } from './run-output.js';
import { readTarget, type RunTarget } from './run-target.js';

type RunCommand = NonNullable<ReturnType<typeof parseRun>>;
type RefusedModule = Extract<PreparedModule, { ok: false }>;

const NOTHING_USED: SandboxUsage = { fuelUsed: null, memoryPeakBytes: 0, durationMs: 0 };

export async function run(args: string[]): Promise<number> {
  const command = parseRun(args);
  if (command === null) {
    process.stdout.write(RUN_HELP);
    return 0;
  }
  // One run, one process: it starts while everything else is read. Two casts, so that it is not replaced after one.
  const pool = new SandboxPool({ size: 1, spares: 0, maxCastsPerProcess: 2 });
  const started = pool.start();
  // Whether it started is asked below; until then nobody must mind that it did not.
  started.catch(() => undefined);
  try {
    return await runOn(pool, started, command);
  } finally {
    await pool.stop();
  }
}

async function runOn(pool: SandboxPool, started: Promise<void>, command: RunCommand): Promise<number> {
  const output = new RunOutput(command.isJson);
  const startMs = performance.now();
  const finish = (end: RunEnd, usage: SandboxUsage, prepareMs: number): number => {
    output.end(end, usage, { prepareMs, totalMs: performance.now() - startMs });
    return exitCodeOf(end);
  };
  const read = await readTarget(command.file, command.limits);
  const { maxInputBytes, maxTmpBytes } = read.ok ? read.target.limits : DEFAULT_LIMITS;
  const [input, folders] = await Promise.all([
    readInput(command.input, maxInputBytes),
    loadFolders(command.dirs, MAX_TREES_BYTES - maxTmpBytes, (path) =>
      output.note(`left out ${path}: no file, folder or link`),
    ),
  ]);
  const prepared = read.ok ? await prepareModule(read.target.module) : read;
  const prepareMs = performance.now() - startMs;
  if (!read.ok) return finish(refusal(read), NOTHING_USED, prepareMs);
  if (!prepared.ok) return finish(refusal(prepared), NOTHING_USED, prepareMs);
  const [start] = await Promise.allSettled([started]);
  if (start.status === 'rejected') {
    return finish({ kind: 'failed', code: 'LOST', message: String(start.reason) }, NOTHING_USED, prepareMs);
  }
  const outcome = await cast(pool, command, read.target, { module: prepared.bytes, input, folders, output });
  return finish(endOf(outcome), outcome, prepareMs);
}

interface CastParts {
  module: Uint8Array;
  input: Uint8Array;
  folders: Awaited<ReturnType<typeof loadFolders>>;
  output: RunOutput;
}

function cast(
  pool: SandboxPool,
  command: RunCommand,
  target: RunTarget,
  { module, input, folders, output }: CastParts,
): Promise<SandboxOutcome> {
  const { resources } = target;
  // A folder of the caller's may stand in the place of the resources.
  const isTaken = (place: string): boolean => folders.some(({ guestPath }) => guestPath === place);
  return pool.run({
    moduleDigest: digestOf(module),
    loadModule: async () => module,
    ...(resources === null || isTaken('/resources')
      ? {}
      : { resourcesDigest: resources.digest, loadResources: async () => resources.files }),
    trees: [...folders, ...(isTaken('/tmp') ? [] : temporaryTrees(target.limits.maxTmpBytes))],
    input,
    args: argumentsOf(command, target),
    env: { ...target.environment, ...command.env },
    limits: target.limits,
    mode: command.isReal ? 'real' : target.mode,
    clockStartNs: CLOCK_START_NS,
    randomSeed: seedOf(digestOf(target.module), digestOf(input)),
    onOutput: (chunk) => output.output(chunk),
    onLog: (chunk) => output.log(chunk),
    signal: output.brokenPipe,
  });
}

/** Those of a package come first: what is added on the desk follows them. */
function argumentsOf({ name, args }: RunCommand, target: RunTarget): string[] {
  const [ownName = '', ...own] = target.args;
  return [name ?? ownName, ...own, ...args];
}

function refusal(refused: RefusedModule): RunEnd {
  const reasons = refused.problems.map(({ path, reason }) => `${path}: ${reason}`);
  return { kind: 'failed', code: 'REFUSED', message: reasons.join('; ') };
}

import {
  prepareModule,
  SandboxPool,
  type PreparedModule,
  type SandboxOutcome,
  type SandboxUsage,
} from '../sandbox/index.js';
import { digestOf } from './digest.js';
import { loadFolders } from './load-folder.js';
import { endOf, exitCodeOf, type RunEnd } from './run-exit.js';
import { parseRun, readInput, RUN_HELP } from './run-options.js';
import { RunOutput } from './run-output.js';
import { readTarget, type RunTarget } from './run-target.js';

type RunCommand = NonNullable<ReturnType<typeof parseRun>>;
type RefusedModule = Extract<PreparedModule, { ok: false }>;

/** Where the guest's clock starts: a time like today's, so that it prints like today's, yet always the same. */
const CLOCK_START_NS = BigInt(Date.UTC(2026, 0, 1)) * 1_000_000n;

/** The seed of the cast id that no cast has. */
const RANDOM_SEED = new Uint8Array(16);

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
  const [input, trees] = await Promise.all([
    readInput(command.input),
    loadFolders(command.dirs, (path) => output.note(`left out ${path}: no file, folder or link`)),
  ]);
  const prepared = read.ok ? await prepareModule(read.target.module) : read;
  const prepareMs = performance.now() - startMs;
  if (!read.ok) return finish(refusal(read), NOTHING_USED, prepareMs);
  if (!prepared.ok) return finish(refusal(prepared), NOTHING_USED, prepareMs);
  const [start] = await Promise.allSettled([started]);
  if (start.status === 'rejected') {
    return finish({ kind: 'failed', code: 'LOST', message: String(start.reason) }, NOTHING_USED, prepareMs);
  }
  const outcome = await cast(pool, command, read.target, { module: prepared.bytes, input, trees, output });
  return finish(endOf(outcome), outcome, prepareMs);
}

interface CastParts {
  module: Uint8Array;
  input: Uint8Array;
  trees: Awaited<ReturnType<typeof loadFolders>>;
  output: RunOutput;
}

function cast(
  pool: SandboxPool,
  command: RunCommand,
  target: RunTarget,
  { module, input, trees, output }: CastParts,
): Promise<SandboxOutcome> {
  const { resources } = target;
  // A folder of the caller's may stand in the place of the resources.
  const isReplaced = trees.some(({ guestPath }) => guestPath === '/resources');
  return pool.run({
    moduleDigest: digestOf(module),
    loadModule: async () => module,
    ...(resources === null || isReplaced
      ? {}
      : { resourcesDigest: resources.digest, loadResources: async () => resources.files }),
    trees,
    input,
    args: [command.name ?? target.name, ...command.args],
    env: { ...target.environment, ...command.env },
    limits: target.limits,
    clockStartNs: CLOCK_START_NS,
    randomSeed: RANDOM_SEED,
    onOutput: (chunk) => output.output(chunk),
    onLog: (chunk) => output.log(chunk),
    signal: output.brokenPipe,
  });
}

function refusal(refused: RefusedModule): RunEnd {
  const reasons = refused.problems.map(({ path, reason }) => `${path}: ${reason}`);
  return { kind: 'failed', code: 'REFUSED', message: reasons.join('; ') };
}

import { spawn, type ChildProcess } from 'node:child_process';
import { findPackageJSON } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeAnswer } from './analysis-message.js';
import {
  ANALYSES_AT_ONCE,
  ANALYSIS_ANSWER_BYTES_MAX,
  ANALYSIS_CPU_MODULE_BYTES,
  ANALYSIS_CPU_SECONDS,
  ANALYSIS_DATA_KIB,
  ANALYSIS_DEADLINE_MS,
  ANALYSIS_HEAP_MB,
} from './limits.js';
import { problemAt } from './module-problem.js';
import { checkHeader, type PreparedModule } from './rewrite-module.js';

export interface PrepareOptions {
  /** For all of it, the start of the process included. */
  deadlineMs?: number;
}

/**
 * Checks and meters a module in a process of its own, which may read this program and nothing else: whatever
 * a hostile module does to the engine or to our reader, it does to a process that nobody needs. Never throws
 * because of the module.
 */
export async function prepareModule(
  bytes: Uint8Array,
  options: PrepareOptions = {},
): Promise<PreparedModule> {
  const malformed = checkHeader(bytes);
  if (malformed !== undefined) return refusedBecause(malformed);
  const deadlineMs = options.deadlineMs ?? ANALYSIS_DEADLINE_MS;
  const answer = await inTurn(() => analyse(bytes, deadlineMs));
  const prepared = answer && decodeAnswer(answer);
  return (
    prepared ??
    refusedBecause(
      `the module could not be analysed within ${deadlineMs} ms, ${cpuSecondsFor(bytes)} s of CPU time and ${ANALYSIS_HEAP_MB} MB`,
    )
  );
}

function refusedBecause(reason: string): PreparedModule {
  return { ok: false, problems: [problemAt('', reason)] };
}

let running = 0;
const waiting: (() => void)[] = [];

/** First come, first served; how many may wait is bounded by who publishes, each of whom has one request open. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running === ANALYSES_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

/** What the child wrote, or nothing when it crashed, hung, ran out of memory or talked too much. */
function analyse(bytes: Uint8Array, deadlineMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const child = startAnalysis(cpuSecondsFor(bytes));
    const chunks: Buffer[] = [];
    let length = 0;
    const deadline = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
    child.stdout?.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > ANALYSIS_ANSWER_BYTES_MAX) child.kill('SIGKILL');
      else chunks.push(chunk);
    });
    const finish = (succeeded: boolean): void => {
      clearTimeout(deadline);
      resolve(succeeded ? Buffer.concat(chunks) : undefined);
    };
    child.once('error', () => finish(false));
    child.once('close', (code) => finish(code === 0));
    // A child that dies before it has read everything breaks the pipe; its exit code says so already.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(bytes);
  });
}

const CHILD_FILE = fileURLToPath(new URL('./analysis-child.js', import.meta.url));

function cpuSecondsFor(bytes: Uint8Array): number {
  return ANALYSIS_CPU_SECONDS * Math.max(1, Math.ceil(bytes.length / ANALYSIS_CPU_MODULE_BYTES));
}

/** The shell becomes the process after it has set the limits, so that a kill meets the process itself. */
const LAUNCH_SCRIPT = `ulimit -c 0; ulimit -t "$0" || exit 1; ulimit -d ${ANALYSIS_DATA_KIB} || exit 1; exec "$@"`;

function startAnalysis(cpuSeconds: number): ChildProcess {
  const flags = [
    '--permission',
    ...readableFiles().map((path) => `--allow-fs-read=${path}`),
    `--max-old-space-size=${ANALYSIS_HEAP_MB}`,
    '--disallow-code-generation-from-strings',
  ];
  const command = [process.execPath, ...flags, CHILD_FILE];
  return spawn('/bin/sh', ['-c', LAUNCH_SCRIPT, String(cpuSeconds), ...command], {
    env: {},
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

/** The program's own files, and the package.json that tells Node they are modules. */
function readableFiles(): string[] {
  const manifest = findPackageJSON(import.meta.url);
  return [dirname(CHILD_FILE), ...(manifest === undefined ? [] : [manifest])];
}

import { FileTree } from './wasi/file-tree.js';
import { MAX_PATH_BYTES, MAX_TREES, MAX_TREES_BYTES } from './sandbox-limits.js';

export interface SandboxLimits {
  /** Counted from the first guest instruction, not from waiting for a process. */
  timeoutMs: number;
  maxMemoryBytes: number;
  /** Passing it ends the run with OUTPUT_TOO_LARGE. */
  maxOutputBytes: number;
  /** Passing it drops further logs after one line that says so; the run goes on. */
  maxLogBytes: number;
  maxFuel: bigint;
  /** Of the guest's call stack, as the instrumentation weighs frames; left out, DEFAULT_STACK_BYTES. Passing it traps. */
  maxStackBytes?: number;
  /** CPU time of the process while the guest runs; left out, nothing but the deadline bounds it. */
  maxCpuMs?: number;
  /** Pieces of output and log that are delivered, the last one of each not counted. Passing it is OUTPUT_TOO_LARGE. */
  maxEvents?: number;
  /** Of the arguments after the first, each with its NUL. What does not fit these four is a POLICY_VIOLATION. */
  maxArgumentBytes?: number;
  /** Of NAME=value, each with its NUL. */
  maxEnvironmentBytes?: number;
  /** Of what lies under /resources. */
  maxResourceBytes?: number;
  maxResourceFiles?: number;
}

export interface SandboxTree {
  /** Where the guest finds it, like "/tmp". One at "/resources" stands in the place of the resources. */
  guestPath: string;
  /** "a/b.txt" → bytes. */
  files: ReadonlyMap<string, Uint8Array>;
  /** Folders beyond those that the files need. */
  folders?: readonly string[];
  /** Symbolic links: "a/link" → what it points to, as written. None is followed out of its tree. */
  links?: ReadonlyMap<string, string>;
  isWritable: boolean;
  /** For contents and names together; passing it is ENOSPC. */
  maxBytes: number;
}

export interface SandboxRun {
  /** "sha256:<hex>" of the prepared module: the key under which each process keeps it compiled. */
  moduleDigest: string;
  /** Called only when the chosen process does not hold the module yet. */
  loadModule(): Promise<Uint8Array>;
  /** The key under which each process keeps the read-only tree; undefined means no resources. */
  resourcesDigest?: string;
  /** "a/b.txt" → bytes, shown read-only under /resources. */
  loadResources?(): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Folders of this cast alone, in memory; what the guest changes in them is gone with it. */
  trees?: readonly SandboxTree[];
  input: Uint8Array;
  /** The whole argv: the first one is the program's name. */
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  limits: SandboxLimits;
  /** `deterministic` unless said otherwise. In `real`, clocks and random bytes are the host's. */
  mode?: 'deterministic' | 'real';
  /** Where the guest's clocks start (nanoseconds since 1970); they advance by host calls and sleeps only. */
  clockStartNs?: bigint;
  /** The guest's random bytes are a keystream of this seed: the same seed gives the same bytes. */
  randomSeed?: Uint8Array;
  /** Standard output as it is written, in order, at most 64 KiB at a time. */
  onOutput(chunk: Buffer): void;
  /** Standard error as it is written. */
  onLog(chunk: Buffer): void;
  /** Runs in a process that no cast has used: after one was lost, so that nothing of others can be the cause again. */
  needsFreshProcess?: boolean;
  /** Cancels: the process is killed at once. */
  signal?: AbortSignal;
}

export type SandboxFailureCode =
  | 'TRAP'
  | 'EXIT_NONZERO'
  | 'FUEL_EXHAUSTED'
  | 'MEMORY_EXCEEDED'
  | 'DEADLINE_EXCEEDED'
  | 'OUTPUT_TOO_LARGE'
  | 'POLICY_VIOLATION';

/** `lost` means the process died or refused for no reason of the guest's: the caller may run it again. */
export type SandboxVerdict =
  | { kind: 'succeeded' }
  | { kind: 'failed'; code: SandboxFailureCode; message: string; exitCode?: number }
  | { kind: 'canceled' }
  | { kind: 'lost'; message: string };

export interface SandboxUsage {
  /**
   * null when the guest never started. After a kill: what it had used at its last report, a few milliseconds before;
   * a guest that only recurses reports nothing. All of it after exhausted fuel.
   */
  fuelUsed: bigint | null;
  /** After a kill: what the guest's memory was when the run started. */
  memoryPeakBytes: number;
  durationMs: number;
}

export type SandboxOutcome = SandboxVerdict & SandboxUsage;

/** A timer waits one millisecond more than the limit, and from 2^31 on Node's timers fire at once instead of late. */
const LONGEST_LIMIT_MS = 2 ** 31 - 2;

/** Refuses a run that no process could obey, before anything is sent. */
export function assertRunnable(run: SandboxRun, maxGuestMemoryBytes: number): void {
  const { timeoutMs, maxMemoryBytes, maxOutputBytes, maxLogBytes, maxFuel } = run.limits;
  assertBetween('timeoutMs', timeoutMs, 1, LONGEST_LIMIT_MS);
  assertBetween('maxMemoryBytes', maxMemoryBytes, 0, maxGuestMemoryBytes);
  assertBetween('maxOutputBytes', maxOutputBytes, 0, Number.MAX_SAFE_INTEGER);
  assertBetween('maxLogBytes', maxLogBytes, 0, Number.MAX_SAFE_INTEGER);
  const { maxCpuMs = 1, maxEvents = 1 } = run.limits;
  assertBetween('maxCpuMs', maxCpuMs, 1, LONGEST_LIMIT_MS);
  assertBetween('maxEvents', maxEvents, 1, Number.MAX_SAFE_INTEGER);
  if (maxFuel < 0n || maxFuel >= 2n ** 63n) throw new RangeError('maxFuel must fit a signed 64-bit counter.');
  assertTrees(run);
}

function assertTrees({ trees = [], resourcesDigest }: SandboxRun): void {
  const paths = new Set(resourcesDigest === undefined ? [] : ['/resources']);
  assertBetween('the number of trees', trees.length, 0, MAX_TREES);
  let maxBytes = 0;
  for (const tree of trees) {
    const { guestPath } = tree;
    assertBetween('the length of a guestPath', Buffer.byteLength(guestPath), 1, MAX_PATH_BYTES);
    if (guestPath.includes('\0') || paths.has(guestPath)) {
      throw new RangeError(`"${guestPath}" cannot be the place of one more tree.`);
    }
    paths.add(guestPath);
    assertBetween('maxBytes of a tree', tree.maxBytes, 0, MAX_TREES_BYTES);
    maxBytes += tree.maxBytes;
    assertBetween('maxBytes of all trees', maxBytes, 0, MAX_TREES_BYTES);
    // A tree no process could build is the caller's fault, so it is found here and not answered as lost.
    FileTree.from(tree, { ...tree, device: 0n });
  }
}

function assertBetween(name: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new RangeError(`${name} must lie between ${least} and ${most}, but is ${value}.`);
}

import type { SandboxFailureCode } from '../sandbox-run.js';

/**
 * What the pool sends for one cast. Bulk bytes follow the header raw, in the order: module, resources,
 * trees, input.
 */
export interface CastRequest {
  /** Cached things the process must let go of first: the pool alone decides what a process holds. */
  forgetModules: string[];
  forgetResources: string[];
  moduleDigest: string;
  /** There is nothing to prepare: the pool counts the run from the request on, and is told of no start. */
  isWarm: boolean;
  /** null: the process holds it compiled already. */
  moduleBytes: number | null;
  resourcesDigest: string | null;
  /** null: the process holds the tree already, or there is none. */
  resources: [path: string, bytes: number][] | null;
  trees: TreeMessage[];
  inputBytes: number;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  maxMemoryBytes: number;
  maxOutputBytes: number;
  maxLogBytes: number;
  maxEvents: number;
  maxFuel: string;
  maxStackBytes: number;
  /** `real`: the two below are not looked at. */
  mode: 'deterministic' | 'real';
  clockStartNs: string;
  randomSeedBase64: string;
}

/** A tree of one cast. */
export interface TreeMessage {
  guestPath: string;
  isWritable: boolean;
  maxBytes: number;
  folders: readonly string[];
  links: [path: string, target: string][];
  files: [path: string, bytes: number][];
}

/** The first byte of every frame a process sends. */
export const FrameType = { ready: 0, started: 1, output: 2, log: 3, finished: 4, fuel: 5 } as const;

export interface ReadyMessage {
  /** By which the pool finds out what CPU time the process uses. */
  pid: number;
}

export interface StartedMessage {
  memoryBytes: number;
}

/** What the guest has used so far, now and then: what is known of it should it be killed. */
export interface FuelMessage {
  fuelUsed: string;
}

export type GuestVerdict =
  | { kind: 'succeeded' }
  | { kind: 'failed'; code: SandboxFailureCode; message: string; exitCode?: number }
  | { kind: 'lost'; message: string };

export interface FinishedMessage {
  verdict: GuestVerdict;
  fuelUsed: string | null;
  memoryPeakBytes: number;
  durationMs: number;
}

/** The line that ends a log which grew past its limit. Both sides need its length. */
export function logLimitNotice(maxLogBytes: number): Buffer {
  return Buffer.from(`\n[spell: the log passed its limit of ${maxLogBytes} bytes; the rest is dropped]\n`);
}

/** The last piece of each stream is sent whatever the limit of events says: output that was taken is never lost. */
export const UNCOUNTED_EVENTS = 2;

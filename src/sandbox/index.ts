// The door of the sandbox: prepare a module when it is published, run it under limits when it is cast.
//
// guest: a WASI preview 1 command that nobody trusts · prepared: rewritten to count its fuel, with its memory
// imported · cast: one run of a guest in a fresh instance · process: where casts run, one at a time · host: our
// side of the guest, inside that process · fuel: what the guest may still use up, in metered instructions.

export { SandboxBusyError, SandboxStoppedError } from './sandbox-errors.js';
export { INLINED_FUNCTION_BYTES_MAX, MAX_TREES_BYTES, TREE_ENTRY_BYTES } from './sandbox-limits.js';
export { SandboxPool, type SandboxPoolOptions, type SandboxPoolStats } from './pool/sandbox-pool.js';
export type {
  SandboxFailureCode,
  SandboxLimits,
  SandboxOutcome,
  SandboxRun,
  SandboxTree,
  SandboxUsage,
} from './sandbox-run.js';
export { CLOCK_START_NS, seedOf } from './run-identity.js';
export { temporaryTrees } from './temporary-trees.js';
export {
  describeCostTable,
  prepareModule,
  rewriteModule,
  type ModuleProblem,
  type PreparedModule,
  type PrepareOptions,
} from './instrument/index.js';

import type { SandboxFailureCode } from '../sandbox-run.js';
import { Wasm } from '../webassembly.js';
import type { GuestVerdict } from '../wire/messages.js';
import { InitialMemoryError, PolicyError } from './guest-instance.js';
import type { StopReason } from './guest-stop.js';

/** What the host knows when a guest has ended, one way or the other. */
interface GuestEnd {
  stopReason: StopReason | null;
  fuelExhausted: boolean;
  /** It asked for more memory than its limit, not than its own module allows. */
  growFailed: boolean;
  /** Its calls went deeper than its limit; the trap itself says only that it is one. */
  stackExhausted: boolean;
  /** undefined when `_start` returned. */
  thrown: unknown;
}

export const succeeded: GuestVerdict = { kind: 'succeeded' };

export function failed(code: SandboxFailureCode, message: string): GuestVerdict {
  return { kind: 'failed', code, message };
}

const memoryExceeded = failed('MEMORY_EXCEEDED', 'The guest needed more memory than its limit.');
const fuelExhausted = failed('FUEL_EXHAUSTED', 'The guest used all of its fuel.');
const outputTooLarge = failed('OUTPUT_TOO_LARGE', 'The guest wrote more output than its limit.');
const tooManyEvents = failed('OUTPUT_TOO_LARGE', 'The guest wrote in more pieces than its limit of events.');

const STACK_EXHAUSTED = 'call stack exhausted';

/** The host's own reason to stop comes first: what was thrown afterwards is only its consequence. */
export function verdictOf(end: GuestEnd): GuestVerdict {
  if (end.stopReason !== null) return stopVerdict(end.stopReason);
  // A last straight piece of code may be run on credit.
  if (end.fuelExhausted) return fuelExhausted;
  if (end.thrown === undefined) return succeeded;
  if (end.stackExhausted) return failed('TRAP', STACK_EXHAUSTED);
  if (end.growFailed) return memoryExceeded;
  return failed('TRAP', trapMessage(end.thrown));
}

function stopVerdict(reason: StopReason): GuestVerdict {
  switch (reason.kind) {
    case 'fuel':
      return fuelExhausted;
    case 'output':
      return outputTooLarge;
    case 'events':
      return tooManyEvents;
    case 'exit':
      return exitVerdict(reason.exitCode);
  }
}

/** A guest that ends itself says why by its own code, whatever it was refused before. */
function exitVerdict(exitCode: number): GuestVerdict {
  if (exitCode === 0) return succeeded;
  return {
    kind: 'failed',
    code: 'EXIT_NONZERO',
    message: `The guest exited with code ${exitCode}.`,
    exitCode,
  };
}

/** V8 reports a guest's endless recursion as a RangeError, like JavaScript's. */
export function isStackExhausted(thrown: unknown): boolean {
  return thrown instanceof RangeError && thrown.message.startsWith('Maximum call stack');
}

function trapMessage(thrown: unknown): string {
  if (isStackExhausted(thrown)) return STACK_EXHAUSTED;
  if (thrown instanceof Wasm.RuntimeError) return thrown.message;
  if (thrown instanceof TypeError) return 'a host function was called with arguments of a wrong type';
  return 'an exception left the guest';
}

/** A module that could not even be instantiated. Anything unexpected is ours, not the guest's. */
export function refusalVerdict(thrown: unknown): GuestVerdict {
  if (thrown instanceof InitialMemoryError) return failed('MEMORY_EXCEEDED', thrown.message);
  if (thrown instanceof PolicyError || thrown instanceof Wasm.LinkError) {
    return failed('POLICY_VIOLATION', thrown.message);
  }
  if (thrown instanceof Wasm.RuntimeError) return failed('TRAP', thrown.message);
  return { kind: 'lost', message: `The module could not be started: ${String(thrown)}` };
}

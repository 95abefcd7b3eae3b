import type { HostState } from '../guest/host-state.js';
import type { CastRequest } from '../wire/messages.js';
import type { DescriptorTable } from './descriptors.js';
import type { ErrnoValue } from './errno.js';
import type { GuestMemory } from './guest-memory.js';
import type { GuestClock } from './guest-clock.js';

/** What the host functions of one cast work on. */
export interface WasiContext {
  request: CastRequest;
  host: HostState;
  memory: GuestMemory;
  descriptors: DescriptorTable;
  clock: GuestClock;
}

/** A host function throws WasiError for a failure, returns an error number, or nothing for success. */
export type WasiFunction = (...parameters: never[]) => ErrnoValue | void;
export type WasiFunctions = Record<string, WasiFunction>;

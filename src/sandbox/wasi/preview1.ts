import type { HostState } from '../guest/host-state.js';
import type { WasmMemory } from '../webassembly.js';
import type { CastRequest } from '../wire/messages.js';
import { clockFunctions } from './clock-functions.js';
import { descriptorFunctions } from './descriptor-functions.js';
import { DescriptorTable, type MountedTree } from './descriptors.js';
import { Errno, WasiError, type ErrnoValue } from './errno.js';
import { fileChanges } from './file-changes.js';
import type { FileTree } from './file-tree.js';
import { RealClock, VirtualClock } from './guest-clock.js';
import { GuestMemory } from './guest-memory.js';
import { pathChanges } from './path-changes.js';
import { pathFunctions } from './path-functions.js';
import { pathLinks } from './path-links.js';
import { pollFunctions } from './poll-functions.js';
import { processFunctions } from './process-functions.js';
import { randomFunctions } from './random-functions.js';
import { socketFunctions } from './socket-functions.js';
import { streamFunctions } from './stream-functions.js';
import type { WasiContext, WasiFunction } from './wasi-context.js';
import { writeFunctions } from './write-functions.js';

interface Preview1Options {
  request: CastRequest;
  host: HostState;
  memory: WasmMemory | null;
  input: Uint8Array;
  resources: FileTree;
  /** Those of this cast alone. */
  trees: readonly MountedTree[];
}

const RESOURCES_PATH = '/resources';

/** All 46 functions of `wasi_snapshot_preview1` for one cast. */
export function createPreview1(options: Preview1Options): Record<string, (...parameters: never[]) => number> {
  const { request, host } = options;
  const context: WasiContext = {
    request,
    host,
    memory: new GuestMemory(options.memory),
    descriptors: new DescriptorTable(options.input, mountedTrees(options)),
    clock: request.mode === 'real' ? new RealClock() : new VirtualClock(BigInt(request.clockStartNs), host),
  };
  const functions = {
    ...processFunctions(context),
    ...clockFunctions(context),
    ...randomFunctions(context),
    ...streamFunctions(context),
    ...writeFunctions(context),
    ...descriptorFunctions(context),
    ...fileChanges(context),
    ...pathFunctions(context),
    ...pathChanges(context),
    ...pathLinks(context),
    ...pollFunctions(context),
    ...socketFunctions(context),
  };
  const entries = Object.entries(functions).map(([name, body]) => [name, hostFunction(host, body)] as const);
  return Object.fromEntries(entries);
}

/** The resources come first, unless the caller put a tree of its own in their place. */
function mountedTrees({ resources, trees }: Preview1Options): readonly MountedTree[] {
  if (trees.some(({ guestPath }) => guestPath === RESOURCES_PATH)) return trees;
  return [{ guestPath: RESOURCES_PATH, tree: resources }, ...trees];
}

/** Charges the call, and turns a WasiError into its number. Everything else ends the guest. */
function hostFunction(host: HostState, body: WasiFunction): (...parameters: never[]) => ErrnoValue {
  return (...parameters) => {
    host.enter();
    try {
      return body(...parameters) ?? Errno.SUCCESS;
    } catch (error) {
      if (error instanceof WasiError) return error.errno;
      throw error;
    }
  };
}

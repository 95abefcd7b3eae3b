import type { CastRequest, FinishedMessage, GuestVerdict } from '../wire/messages.js';
import type { MountedTree } from '../wasi/descriptors.js';
import type { FileTree } from '../wasi/file-tree.js';
import { createPreview1 } from '../wasi/preview1.js';
import type { WasmMemory, WasmModule } from '../webassembly.js';
import { holdFrames, sendFuel, sendStarted } from './answers.js';
import { FuelMeter } from './fuel-meter.js';
import { createMemory, instantiate, isOwnLimit, type GuestInstance } from './guest-instance.js';
import type { GuestMemories } from './guest-memories.js';
import { GuestOutput } from './guest-output.js';
import { HostState } from './host-state.js';
import { PreparedName, readPreparedInfo } from './prepared-module.js';
import { isStackExhausted, refusalVerdict, verdictOf } from './verdict.js';

/** One cast with everything it needs at hand. */
interface GuestCast {
  request: CastRequest;
  memories: GuestMemories;
  module: WasmModule;
  resources: FileTree;
  trees: readonly MountedTree[];
  input: Uint8Array;
}

/** Runs one command in a fresh instance with a memory of zeros, to whatever end. */
export function runGuest(cast: GuestCast): FinishedMessage {
  const host = new HostState(
    new FuelMeter(BigInt(cast.request.maxFuel), (used) => sendFuel({ fuelUsed: String(used) })),
    new GuestOutput(cast.request),
  );
  let memory: WasmMemory | null = null;
  let instance: GuestInstance;
  let isLimitOurs = true;
  const startMs = performance.now();
  try {
    const prepared = readPreparedInfo(cast.module);
    memory = createMemory(cast.memories, prepared, cast.request.maxMemoryBytes);
    isLimitOurs = !isOwnLimit(prepared, cast.request.maxMemoryBytes);
    // Filling memories and tables is work of the guest's too, under its deadline and its limit of CPU time.
    if (!cast.request.isWarm) sendStarted({ memoryBytes: memory?.buffer.byteLength ?? 0 });
    const preview1 = createPreview1({ ...cast, host, memory });
    const imports = { wasi_snapshot_preview1: preview1, [PreparedName.importModule]: { memory } };
    instance = instantiate(cast.module, imports, prepared, cast.request.maxStackBytes);
  } catch (thrown) {
    return finished(refusalVerdict(thrown), host, memory, performance.now() - startMs);
  }
  host.fuel.attach(instance.counters);
  const verdict = runEntries(instance, host, isLimitOurs);
  holdFrames();
  host.output.flush();
  return finished(verdict, host, memory, performance.now() - startMs);
}

function runEntries(instance: GuestInstance, host: HostState, isLimitOurs: boolean): GuestVerdict {
  let thrown: unknown;
  try {
    for (const entry of instance.entries) entry();
  } catch (error) {
    thrown = error ?? new Error('an empty exception');
  }
  const verdict = verdictOf({
    thrown,
    stopReason: host.stopReason,
    fuelExhausted: host.fuel.isExhausted,
    growFailed: isLimitOurs && instance.growFailed(),
    stackExhausted: instance.stackExhausted(),
  });
  // The counted stack ends before V8's does, except for frames that V8 makes larger than they were weighed. How deep
  // such a guest gets depends on the optimizer, so it has used all of its fuel: the same everywhere.
  if (host.stopReason === null && isStackExhausted(thrown)) host.fuel.spendAll();
  return verdict;
}

function finished(
  verdict: GuestVerdict,
  host: HostState,
  memory: WasmMemory | null,
  durationMs: number,
): FinishedMessage {
  return {
    verdict,
    fuelUsed: String(host.fuel.used),
    memoryPeakBytes: memory?.buffer.byteLength ?? 0,
    durationMs,
  };
}

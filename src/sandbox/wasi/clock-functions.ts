import { Clock } from './abi.js';
import { Errno, fail } from './errno.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';
import type { GuestClock } from './guest-clock.js';

export function clockFunctions({ memory, clock }: WasiContext): WasiFunctions {
  return {
    clock_res_get: (id: number, pointer: number) => {
      readClock(clock, id);
      memory.setU64(pointer, clock.resolutionNs);
    },
    clock_time_get: (id: number, _precision: bigint, pointer: number) =>
      memory.setU64(pointer, readClock(clock, id)),
  };
}

export function readClock(clock: GuestClock, id: number): bigint {
  switch (id) {
    case Clock.realtime:
      return clock.realtimeNs;
    case Clock.monotonic:
      return clock.elapsedNs;
    case Clock.processCpu:
    case Clock.threadCpu:
      return clock.cpuNs;
    default:
      return fail(Errno.INVAL);
  }
}

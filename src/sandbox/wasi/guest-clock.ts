import type { HostState } from '../guest/host-state.js';

/** The guest's idea of time. */
export interface GuestClock {
  readonly resolutionNs: bigint;
  /** Since the cast started. */
  readonly elapsedNs: bigint;
  /** Since 1970. */
  readonly realtimeNs: bigint;
  /** What the guest has computed for, as far as it may know. */
  readonly cpuNs: bigint;
  /** The guest has slept for as long as it asked. */
  slept(spanNs: bigint): void;
}

/** Each host call moves the guest's time by this much: time passes, but the same way in every run. */
const NS_PER_HOST_CALL = 1_000n;

/** Of `deterministic` mode: a start the caller chose, plus the guest's own host calls and sleeps. Never the real time. */
export class VirtualClock implements GuestClock {
  readonly resolutionNs = NS_PER_HOST_CALL;
  readonly #startNs: bigint;
  readonly #host: HostState;
  #sleptNs = 0n;

  constructor(startNs: bigint, host: HostState) {
    this.#startNs = startNs;
    this.#host = host;
  }

  get elapsedNs(): bigint {
    return this.#sleptNs + this.#host.hostCalls * NS_PER_HOST_CALL;
  }

  get realtimeNs(): bigint {
    return this.#startNs + this.elapsedNs;
  }

  get cpuNs(): bigint {
    return this.elapsedNs;
  }

  slept(spanNs: bigint): void {
    this.#sleptNs += spanNs;
  }
}

/** Finer clocks help to read what the processor remembers of others; nobody needs them to tell the time. */
const REAL_RESOLUTION_NS = 1_000n;
const NS_PER_MS = 1_000_000n;

/** Of `real` mode: the host's time. */
export class RealClock implements GuestClock {
  readonly resolutionNs = REAL_RESOLUTION_NS;
  readonly #startNs = process.hrtime.bigint();
  readonly #cpuAtStart = process.cpuUsage();

  get elapsedNs(): bigint {
    return coarse(process.hrtime.bigint() - this.#startNs);
  }

  get realtimeNs(): bigint {
    return BigInt(Date.now()) * NS_PER_MS;
  }

  get cpuNs(): bigint {
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    return BigInt(user + system) * REAL_RESOLUTION_NS;
  }

  /** Real time has passed by itself. */
  slept(): void {}
}

function coarse(ns: bigint): bigint {
  return ns - (ns % REAL_RESOLUTION_NS);
}

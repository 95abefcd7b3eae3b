import type { HostState } from '../guest/host-state.js';

/** Each host call moves the guest's time by this much: time passes, but the same way in every run. */
const NS_PER_HOST_CALL = 1_000n;

/** The guest's idea of time: a start the caller chose, plus its own host calls and sleeps. Never the real time. */
export class GuestClock {
  readonly #startNs: bigint;
  readonly #host: HostState;
  #sleptNs = 0n;

  constructor(startNs: bigint, host: HostState) {
    this.#startNs = startNs;
    this.#host = host;
  }

  get resolutionNs(): bigint {
    return NS_PER_HOST_CALL;
  }

  /** Since the cast started; also its idea of CPU time. */
  get elapsedNs(): bigint {
    return this.#sleptNs + this.#host.hostCalls * NS_PER_HOST_CALL;
  }

  get realtimeNs(): bigint {
    return this.#startNs + this.elapsedNs;
  }

  sleep(spanNs: bigint): void {
    this.#sleptNs += spanNs;
  }
}

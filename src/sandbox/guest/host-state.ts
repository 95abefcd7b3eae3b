import { FuelMeter } from './fuel-meter.js';
import { HOST_CALL_FUEL, ITEM_FUEL, fuelForBytes } from './fuel-costs.js';
import { GuestOutput } from './guest-output.js';
import { GuestStop, type StopReason } from './guest-stop.js';

/** What all host functions of one cast share: its counters, its streams, and whether it has been ended. */
export class HostState {
  readonly fuel: FuelMeter;
  readonly output: GuestOutput;
  #hostCalls = 0n;
  #stopReason: StopReason | null = null;

  constructor(fuel: FuelMeter, output: GuestOutput) {
    this.fuel = fuel;
    this.output = output;
    // A guest that wrote and then only computes is heard all the same.
    fuel.onMark = () => this.flushIfDue();
  }

  get hostCalls(): bigint {
    return this.#hostCalls;
  }

  get stopReason(): StopReason | null {
    return this.#stopReason;
  }

  /** Every host call starts here. A guest that was ended and caught that gets nothing more. */
  enter(): void {
    if (this.#stopReason !== null) throw new GuestStop();
    this.#hostCalls += 1n;
    this.#charge(HOST_CALL_FUEL);
    this.flushIfDue();
  }

  /** What the guest wrote is sent when enough of its work has passed. */
  flushIfDue(): void {
    if (!this.output.isEmpty) this.output.flushIfDue(this.fuel.used);
    if (this.output.isRefused) this.stop({ kind: 'events' });
  }

  /** It is sent at once, because the guest is about to sleep. */
  flushNow(): void {
    this.output.flushNow(this.fuel.used);
    if (this.output.isRefused) this.stop({ kind: 'events' });
  }

  chargeBytes(bytes: number): void {
    this.#charge(fuelForBytes(bytes));
  }

  chargeItems(count: number): void {
    this.#charge(BigInt(count * ITEM_FUEL));
  }

  /** Ends the guest; only the first reason counts. */
  stop(reason: StopReason): never {
    this.#stopReason ??= reason;
    this.fuel.freeze();
    throw new GuestStop();
  }

  #charge(fuel: bigint): void {
    if (!this.fuel.charge(fuel)) this.stop({ kind: 'fuel' });
  }
}

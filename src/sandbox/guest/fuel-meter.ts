import type { GuestCounters } from './guest-instance.js';
import { tableFunction } from './table-function.js';

/** Below zero the guest traps at its next charge, and a trap cannot be caught by the guest. */
const SPENT = -1n;

/** About 5 to 10 ms of work: how far the last report may lie behind when the guest is killed. */
const REPORT_FUEL = 8_388_608n;

/** However cheap the guest's instructions are, a report costs a system call and the pool's attention. */
const REPORT_MS = 10;

/** The host's view of the guest's fuel. */
export class FuelMeter {
  readonly #maxFuel: bigint;
  /** Hears what has been used so far, now and then. */
  readonly #onReport: (used: bigint) => void;
  /** Called at every report, also where nobody is told. */
  onMark: () => void = () => undefined;
  #counters: GuestCounters | null = null;
  #frozen: bigint | null = null;
  #reportAt = 0n;
  #reportedMs = 0;

  constructor(maxFuel: bigint, onReport: (used: bigint) => void = () => undefined) {
    this.#maxFuel = maxFuel;
    this.#onReport = onReport;
  }

  attach(counters: GuestCounters): void {
    this.#counters = counters;
    counters.fuel.value = this.#maxFuel;
    counters.report.set(
      0,
      tableFunction(() => this.#report()),
    );
    this.#moveMark(this.#maxFuel);
  }

  get left(): bigint {
    return this.#frozen ?? this.#counters?.fuel.value ?? this.#maxFuel;
  }

  get isExhausted(): boolean {
    return this.left < 0n;
  }

  get used(): bigint {
    return this.isExhausted ? this.#maxFuel : this.#maxFuel - this.left;
  }

  /** False when that was more than what was left. */
  charge(fuel: bigint): boolean {
    if (this.#counters === null) return true;
    const left = this.#counters.fuel.value - fuel;
    this.#counters.fuel.value = left < 0n ? SPENT : left;
    if (left < this.#reportAt) this.#report();
    return left >= 0n;
  }

  /** From now on all of it counts as used. */
  spendAll(): void {
    this.#frozen = SPENT;
  }

  /** Remembers what was used and makes the guest trap at its next charge, should it catch the host's stop. */
  freeze(): void {
    if (this.#frozen !== null) return;
    this.#frozen = this.left;
    if (this.#counters !== null) this.#counters.fuel.value = SPENT;
  }

  /** Where that happens depends on the fuel alone; only what the pool is told depends on the time. */
  #report(): void {
    this.#moveMark(this.left);
    this.onMark();
    const nowMs = performance.now();
    if (nowMs - this.#reportedMs < REPORT_MS) return;
    this.#reportedMs = nowMs;
    this.#onReport(this.used);
  }

  /** At zero the mark is where the fuel ends. */
  #moveMark(left: bigint): void {
    this.#reportAt = left > REPORT_FUEL ? left - REPORT_FUEL : 0n;
    if (this.#counters !== null) this.#counters.reportAt.value = this.#reportAt;
  }
}

import type { WasmGlobal } from '../webassembly.js';

/** Below zero the guest traps at its next charge, and a trap cannot be caught by the guest. */
const SPENT = -1n;

/** The host's view of the guest's `spell_fuel` counter. */
export class FuelMeter {
  readonly #maxFuel: bigint;
  #global: WasmGlobal<bigint> | null = null;
  #frozen: bigint | null = null;

  constructor(maxFuel: bigint) {
    this.#maxFuel = maxFuel;
  }

  attach(global: WasmGlobal<bigint>): void {
    this.#global = global;
    global.value = this.#maxFuel;
  }

  get left(): bigint {
    return this.#frozen ?? this.#global?.value ?? this.#maxFuel;
  }

  get isExhausted(): boolean {
    return this.left < 0n;
  }

  get used(): bigint {
    return this.isExhausted ? this.#maxFuel : this.#maxFuel - this.left;
  }

  /** False when that was more than what was left. */
  charge(fuel: bigint): boolean {
    if (this.#global === null) return true;
    const left = this.#global.value - fuel;
    this.#global.value = left < 0n ? SPENT : left;
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
    if (this.#global !== null) this.#global.value = SPENT;
  }
}

import type { ByteWriter } from './byte-writer.js';
import type { LengthCost } from './cost-table.js';

const UNREACHABLE = 0x00;
const IF = 0x04;
const END = 0x0b;
const EMPTY_BLOCK_TYPE = 0x40;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const GLOBAL_GET = 0x23;
const GLOBAL_SET = 0x24;
const I32_CONST = 0x41;
const I64_CONST = 0x42;
const I32_EQ = 0x46;
const I64_LT_S = 0x53;
const I64_SUB = 0x7d;
const I64_MUL = 0x7e;
const I64_SHR_U = 0x88;
const I64_EXTEND_I32_U = 0xad;

/** Where the code of one function finds what it counts with. */
export interface FuelPlaces {
  fuelGlobal: number;
  growFailedGlobal: number;
  /** A local of type i64 for the fuel. */
  fuelLocal: number;
  /** A local of type i32 for an operand. */
  lengthLocal: number;
}

/**
 * Writes the instructions that count. The fuel is a global, which the engine keeps in memory, and it is exact
 * at every moment. A function with loops also holds a copy of it in a local, which the engine keeps in a
 * register: a charge takes from the copy and stores the result, so that a loop never waits for memory.
 */
export class FuelCode {
  constructor(
    private readonly places: FuelPlaces,
    private readonly hasCopy: boolean,
  ) {}

  /** Fetches the copy: where the function begins, and where others have counted meanwhile. */
  reload(writer: ByteWriter): void {
    if (!this.hasCopy) return;
    const { fuelGlobal, fuelLocal } = this.places;
    writer.byte(GLOBAL_GET).u32(fuelGlobal).byte(LOCAL_SET).u32(fuelLocal);
  }

  charge(writer: ByteWriter, cost: number): void {
    this.#fuel(writer);
    writer.byte(I64_CONST).signed(cost);
    this.#take(writer);
  }

  /** Charges by the number on top of the stack and leaves it there. */
  chargeLength(writer: ByteWriter, { fuel, shift }: LengthCost): void {
    const { lengthLocal } = this.places;
    writer.byte(LOCAL_SET).u32(lengthLocal);
    this.#fuel(writer);
    writer.byte(LOCAL_GET).u32(lengthLocal).byte(I64_EXTEND_I32_U);
    if (fuel !== 1) writer.byte(I64_CONST).signed(fuel).byte(I64_MUL);
    if (shift !== 0) writer.byte(I64_CONST).signed(shift).byte(I64_SHR_U);
    this.#take(writer);
    writer.byte(LOCAL_GET).u32(lengthLocal);
  }

  /** Behind memory.grow: remembers that it answered -1, and leaves the answer on the stack. */
  noteGrowFailure(writer: ByteWriter): void {
    const { lengthLocal, growFailedGlobal } = this.places;
    writer.byte(LOCAL_TEE).u32(lengthLocal).byte(I32_CONST).signed(-1).byte(I32_EQ);
    writer.byte(IF).byte(EMPTY_BLOCK_TYPE);
    writer.byte(I32_CONST).signed(1).byte(GLOBAL_SET).u32(growFailedGlobal);
    writer.byte(END).byte(LOCAL_GET).u32(lengthLocal);
  }

  #fuel(writer: ByteWriter): void {
    const { fuelGlobal, fuelLocal } = this.places;
    if (this.hasCopy) writer.byte(LOCAL_GET).u32(fuelLocal);
    else writer.byte(GLOBAL_GET).u32(fuelGlobal);
  }

  /** Fuel and amount are on the stack; fuel was not negative, so the difference cannot overflow. */
  #take(writer: ByteWriter): void {
    const { fuelGlobal, fuelLocal } = this.places;
    writer.byte(I64_SUB).byte(LOCAL_TEE).u32(fuelLocal).byte(GLOBAL_SET).u32(fuelGlobal);
    writer.byte(LOCAL_GET).u32(fuelLocal).byte(I64_CONST).signed(0).byte(I64_LT_S);
    writer.byte(IF).byte(EMPTY_BLOCK_TYPE).byte(UNREACHABLE).byte(END);
  }
}

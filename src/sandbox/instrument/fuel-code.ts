import type { ByteWriter } from './byte-writer.js';
import type { Piece } from './control-flow.js';
import type { LengthCost } from './cost-table.js';
import { OP } from './written-opcodes.js';

/** Where the code of one function finds what it counts with. */
export interface FuelPlaces {
  fuelGlobal: number;
  growFailedGlobal: number;
  /** Tells below which fuel a loop reports to the host. */
  reportAtGlobal: number;
  /** The function that reports, or traps when there is no fuel left. */
  reportFunction: number;
  /** Locals of type i64 for the fuel and for the global above. */
  fuelLocal: number;
  reportAtLocal: number;
  /** A local of type i32 for an operand. */
  lengthLocal: number;
}

/**
 * Where a function counts. In the global, every charge is a load, a subtraction and a store. In a local, which the engine
 * keeps in a register, it is a subtraction, but the global has to catch up before others look at it: that pays in loops
 * that call nobody, and in functions that charge several times between their calls.
 */
export type CountsIn = 'global' | 'local in loops' | 'local';

/**
 * Writes the instructions that count, in the order of the code. The fuel is a global, which the engine keeps in memory.
 * Where the function counts in the local, that is ahead of it; the global catches up before calls and where such a loop
 * or the function is left, by its end, a jump, a return or a throw. Where paths join the local must hold the fuel there,
 * everywhere else the global does.
 */
export class FuelCode {
  /** The local holds the fuel. */
  #isFresh = false;
  /** The global may not hold it. */
  #isAhead = false;
  /** Charges go to the local. */
  #isLocal: boolean;
  #usesLocal = false;
  #usesReportAt = false;

  constructor(
    private readonly places: FuelPlaces,
    readonly countsIn: CountsIn,
    /** Whether other loops may be put around those that repeat, see openReporting. */
    readonly wrapsLoops: boolean,
  ) {
    this.#isLocal = countsIn === 'local';
  }

  /** How many of the two locals of type i64 what was written needs. */
  get localsUsed(): number {
    return this.#usesReportAt ? 2 : Number(this.#usesLocal);
  }

  /** Whether the local may be ahead at all. */
  get mayBeAhead(): boolean {
    return this.countsIn !== 'global';
  }

  /** `reports`: where it is looked at, the host is told as well, when that is due. */
  charge(writer: ByteWriter, { cost, isChecked }: Pick<Piece, 'cost' | 'isChecked'>, reports = false): void {
    if (cost > 0) {
      this.#get(writer);
      writer.byte(OP.i64Const).signed(cost);
      this.#take(writer, isChecked);
    }
    if (isChecked && reports) this.#checkAndReport(writer);
    else if (isChecked) this.#check(writer);
  }

  /** Charges by the number on top of the stack and leaves it there. */
  chargeLength(writer: ByteWriter, { fuel, shift }: LengthCost): void {
    const { lengthLocal } = this.places;
    writer.byte(OP.localSet).u32(lengthLocal);
    this.#get(writer);
    writer.byte(OP.localGet).u32(lengthLocal).byte(OP.i64ExtendI32U);
    if (fuel !== 1) writer.byte(OP.i64Const).signed(fuel).byte(OP.i64Mul);
    if (shift !== 0) writer.byte(OP.i64Const).signed(shift).byte(OP.i64ShrU);
    this.#take(writer, true);
    this.#check(writer);
    writer.byte(OP.localGet).u32(lengthLocal);
  }

  /** Behind memory.grow: remembers that it answered -1, and leaves the answer on the stack. */
  noteGrowFailure(writer: ByteWriter): void {
    const { lengthLocal, growFailedGlobal } = this.places;
    writer.byte(OP.localTee).u32(lengthLocal).byte(OP.i32Const).signed(-1).byte(OP.i32Eq);
    writer.byte(OP.if).byte(OP.emptyBlockType);
    writer.byte(OP.i32Const).signed(1).byte(OP.globalSet).u32(growFailedGlobal);
    writer.byte(OP.end).byte(OP.localGet).u32(lengthLocal);
  }

  /** Before a loop that counts in the local and stands in none that does. */
  enterLoops(writer: ByteWriter): void {
    if (!this.mayBeAhead) return;
    this.#refresh(writer);
    this.#fetchReportAt(writer);
    this.#isLocal = true;
  }

  /**
   * Before a loop that repeats: another loop of the same type around it, which repeats only to report. So there is no
   * call in the loop itself, for which the engine would keep its variables in memory.
   */
  openReporting(writer: ByteWriter, blockType: Uint8Array, hasCalls: boolean): void {
    if (!this.wrapsLoops) return;
    writer.byte(OP.loop).raw(blockType);
    this.#isReportDue(writer, hasCalls);
    writer.byte(OP.if).byte(OP.emptyBlockType);
    if (this.#isAhead) this.#store(writer);
    writer.byte(OP.call).u32(this.places.reportFunction);
    if (!hasCalls) this.#fetchReportAt(writer);
    writer.byte(OP.end);
  }

  /** At the head of the loop inside, with the same operands on the stack. */
  repeatWhenDue(writer: ByteWriter, hasCalls: boolean): void {
    this.#isReportDue(writer, hasCalls);
    writer.byte(OP.brIf).u32(1);
  }

  closeReporting(writer: ByteWriter): void {
    if (this.wrapsLoops) writer.byte(OP.end);
  }

  /** Behind such a loop. */
  leaveLoops(writer: ByteWriter, isReached: boolean): void {
    if (this.countsIn !== 'local in loops') return;
    this.#isLocal = false;
    if (isReached) this.publish(writer);
    else this.forget();
  }

  /** Before the function is left, or else only loops that count in the local. */
  leave(writer: ByteWriter, isFunctionLeft: boolean): void {
    if (isFunctionLeft || this.countsIn !== 'local') this.publish(writer);
  }

  /** Before control passes on to where paths join. */
  beforeJoin(writer: ByteWriter): void {
    if (this.#isLocal) this.#refresh(writer);
  }

  /** Where paths join. */
  afterJoin(): void {
    this.#isFresh = this.#isLocal;
    this.#isAhead = this.#isLocal;
  }

  /** Before others may look at the global. */
  publish(writer: ByteWriter): void {
    if (this.#isAhead) this.#store(writer);
    this.#isAhead = false;
  }

  /** When others may have written to the global: behind a call, in a handler of exceptions. */
  forget(): void {
    this.#isFresh = false;
    this.#isAhead = false;
  }

  #refresh(writer: ByteWriter): void {
    if (this.#isFresh) return;
    this.#fetch(writer);
    this.#isFresh = true;
  }

  #get(writer: ByteWriter): void {
    if (this.#isLocal) this.#refresh(writer);
    if (this.#isFresh) writer.byte(OP.localGet).u32(this.places.fuelLocal);
    else writer.byte(OP.globalGet).u32(this.places.fuelGlobal);
  }

  /** Fuel and amount are on the stack; fuel was hardly below zero, so the difference cannot overflow. */
  #take(writer: ByteWriter, isChecked: boolean): void {
    const { fuelGlobal, fuelLocal } = this.places;
    writer.byte(OP.i64Sub);
    if (this.#isLocal) {
      writer.byte(OP.localSet).u32(fuelLocal);
      this.#isAhead = true;
      return;
    }
    this.#isFresh = isChecked || this.mayBeAhead;
    if (this.#isFresh) this.#usesLocal = true;
    if (this.#isFresh) writer.byte(OP.localTee).u32(fuelLocal);
    writer.byte(OP.globalSet).u32(fuelGlobal);
  }

  /** Traps, which no handler of exceptions can catch; the host sees by the global why. */
  #check(writer: ByteWriter): void {
    this.#get(writer);
    writer.byte(OP.i64Const).signed(0).byte(OP.i64LtS).byte(OP.if).byte(OP.emptyBlockType);
    if (this.#isAhead) this.#store(writer);
    writer.byte(OP.unreachable).byte(OP.end);
  }

  /** The function that reports traps when there is no fuel left. */
  #checkAndReport(writer: ByteWriter): void {
    this.#get(writer);
    writer.byte(OP.globalGet).u32(this.places.reportAtGlobal).byte(OP.i64LtS);
    writer.byte(OP.if).byte(OP.emptyBlockType);
    if (this.#isAhead) this.#store(writer);
    writer.byte(OP.call).u32(this.places.reportFunction).byte(OP.end);
  }

  /** Of a loop that calls the mark may have been moved by others since it was fetched. */
  #isReportDue(writer: ByteWriter, hasCalls: boolean): void {
    this.#get(writer);
    if (hasCalls) writer.byte(OP.globalGet).u32(this.places.reportAtGlobal);
    else writer.byte(OP.localGet).u32(this.places.reportAtLocal);
    writer.byte(OP.i64LtS);
  }

  #store(writer: ByteWriter): void {
    writer.byte(OP.localGet).u32(this.places.fuelLocal).byte(OP.globalSet).u32(this.places.fuelGlobal);
  }

  #fetch(writer: ByteWriter): void {
    this.#usesLocal = true;
    writer.byte(OP.globalGet).u32(this.places.fuelGlobal).byte(OP.localSet).u32(this.places.fuelLocal);
  }

  #fetchReportAt(writer: ByteWriter): void {
    this.#usesReportAt = true;
    writer
      .byte(OP.globalGet)
      .u32(this.places.reportAtGlobal)
      .byte(OP.localSet)
      .u32(this.places.reportAtLocal);
  }
}

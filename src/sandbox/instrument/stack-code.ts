import type { ByteWriter } from './byte-writer.js';
import { OP } from './written-opcodes.js';

export interface StackPlaces {
  stackGlobal: number;
  /** A local of type i32: the stack bytes that are left below this activation. */
  stackLocal: number;
}

/**
 * Writes the instructions that count the depth of the stack. The global tells a callee how many stack bytes are left.
 * Each counted function takes its frame from that when it begins, keeps the rest in a local and writes it to the
 * global before every call that matters. So nothing has to be put back when a function ends, on whatever way.
 */
export class StackCode {
  constructor(
    private readonly places: StackPlaces,
    private readonly frameBytes: number,
  ) {}

  /** A negative global tells the host why the guest trapped. */
  enter(writer: ByteWriter): void {
    const { stackGlobal, stackLocal } = this.places;
    writer.byte(OP.globalGet).u32(stackGlobal).byte(OP.i32Const).signed(this.frameBytes).byte(OP.i32Sub);
    writer.byte(OP.localTee).u32(stackLocal).byte(OP.i32Const).signed(0).byte(OP.i32LtS);
    writer.byte(OP.if).byte(OP.emptyBlockType);
    this.beforeCall(writer);
    writer.byte(OP.unreachable).byte(OP.end);
  }

  beforeCall(writer: ByteWriter): void {
    const { stackGlobal, stackLocal } = this.places;
    writer.byte(OP.localGet).u32(stackLocal).byte(OP.globalSet).u32(stackGlobal);
  }

  /** The callee takes the place of this activation. */
  beforeTailCall(writer: ByteWriter): void {
    const { stackGlobal, stackLocal } = this.places;
    writer.byte(OP.localGet).u32(stackLocal).byte(OP.i32Const).signed(this.frameBytes).byte(OP.i32Add);
    writer.byte(OP.globalSet).u32(stackGlobal);
  }
}

import type { ByteWriter } from './byte-writer.js';
import type { FloatShape } from './nan-results.js';
import { OP, VECTOR_OP } from './written-opcodes.js';

/** The local that a shape needs for the result while it is looked at. */
export type FloatType = 'f32' | 'f64' | 'v128';

const F32_NAN = [0x00, 0x00, 0xc0, 0x7f];
const F64_NAN = [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x7f];

export const typeOfShape = (shape: FloatShape): FloatType =>
  shape === 'f32' || shape === 'f64' ? shape : 'v128';

/**
 * Gives every NaN result the same bits, those of the canonical NaN with the sign clear, as the deterministic profile of
 * the core specification (3.0, appendix A.2) has it. What bits it has otherwise depends on the processor and on whether
 * V8's baseline compiler or its optimiser made the code.
 */
export class NanCode {
  constructor(private readonly locals: Readonly<Record<FloatType, number>>) {}

  /** Behind the instruction, with its result on the stack: a result that equals itself is kept. */
  canonicalize(writer: ByteWriter, shape: FloatShape): void {
    const local = this.locals[typeOfShape(shape)];
    writer.byte(OP.localTee).u32(local);
    if (shape === 'f32') writer.byte(OP.f32Const).raw(F32_NAN);
    else if (shape === 'f64') writer.byte(OP.f64Const).raw(F64_NAN);
    else writer.byte(OP.vector).u32(VECTOR_OP.const).raw(vectorNan(shape));
    writer.byte(OP.localGet).u32(local).byte(OP.localGet).u32(local);
    if (shape === 'f32') writer.byte(OP.f32Eq).byte(OP.select);
    else if (shape === 'f64') writer.byte(OP.f64Eq).byte(OP.select);
    else {
      writer.byte(OP.vector).u32(shape === 'f32x4' ? VECTOR_OP.f32x4Eq : VECTOR_OP.f64x2Eq);
      writer.byte(OP.vector).u32(VECTOR_OP.bitselect);
    }
  }
}

function vectorNan(shape: 'f32x4' | 'f64x2'): number[] {
  return shape === 'f32x4' ? [...F32_NAN, ...F32_NAN, ...F32_NAN, ...F32_NAN] : [...F64_NAN, ...F64_NAN];
}

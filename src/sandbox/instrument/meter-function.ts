import type { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { FuelCode, type FuelPlaces } from './fuel-code.js';
import { readLocals } from './function-body.js';
import { FUNCTION_BYTES_MAX } from './limits.js';
import { FunctionTooLarge } from './module-problem.js';
import { NanCode, type FloatType } from './nan-code.js';
import { localsCost } from './locals-cost.js';
import { FunctionPlan, type PlanContext } from './plan-function.js';
import { StackCode, type StackPlaces } from './stack-code.js';

const I32 = 0x7f;
const I64 = 0x7e;
const FLOAT_TYPE_CODES: Readonly<Record<FloatType, number>> = { f32: 0x7d, f64: 0x7c, v128: 0x7b };
const FLOAT_TYPES: readonly FloatType[] = ['f32', 'f64', 'v128'];

/** What metering a function needs to know of its module. */
export type MeteringContext = PlanContext &
  Omit<FuelPlaces, 'fuelLocal' | 'reportAtLocal' | 'lengthLocal'> &
  Omit<StackPlaces, 'stackLocal'>;

interface FunctionBody {
  index: number;
  parameters: number;
  body: ByteReader;
}

/**
 * Rewrites the body of one function: up to four locals more, the counting code inserted, everything else copied
 * as it is. Branch labels count constructs from inside out and the inserted code is closed in itself, so no
 * label changes.
 */
export function meterFunction(
  { index, parameters, body }: FunctionBody,
  context: MeteringContext,
): ByteWriter {
  const locals = readLocals(body);
  const start = body.position;
  const plan = new FunctionPlan(index, body, localsCost(locals.count), context);
  const lengthLocal = parameters + locals.count;
  const stackLocal = lengthLocal + Number(plan.usesLength);
  const floatLocals = stackLocal + Number(plan.usesStack);
  const floatTypes = FLOAT_TYPES.filter((type) => plan.floatTypes.has(type));
  const nans = new NanCode(localsOf(floatTypes, floatLocals));
  const fuelLocal = floatLocals + floatTypes.length;
  const fuel = new FuelCode(
    { ...context, fuelLocal, reportAtLocal: fuelLocal + 1, lengthLocal },
    plan.countsIn,
    plan.wrapsLoops,
  );
  const stack = new StackCode({ ...context, stackLocal }, context.stack.frameBytes(index));
  const code = new ByteWriter();
  let copied = start;
  for (const { offset, replaces, write } of plan.insertions) {
    code.raw(body.bytes.subarray(copied, offset));
    write(code, fuel, stack, nans);
    copied = offset + replaces;
    if (code.length > FUNCTION_BYTES_MAX)
      throw new FunctionTooLarge(`is too large for the engine with the counting code in it`);
  }
  code.raw(body.bytes.subarray(copied, body.end));
  const numbers = floatLocals - lengthLocal;
  const writer = new ByteWriter();
  const { localsUsed } = fuel;
  const groups = locals.groups + Number(numbers > 0) + floatTypes.length + Number(localsUsed > 0);
  writer.u32(groups).raw(locals.bytes);
  if (numbers > 0) writer.u32(numbers).byte(I32);
  for (const type of floatTypes) writer.u32(1).byte(FLOAT_TYPE_CODES[type]);
  if (localsUsed > 0) writer.u32(localsUsed).byte(I64);
  return writer.raw(code.toBytes());
}

/** The indexes from `first` on; types without a local are never asked for. */
function localsOf(types: readonly FloatType[], first: number): Record<FloatType, number> {
  const indexOf = (type: FloatType): number => first + types.indexOf(type);
  return { f32: indexOf('f32'), f64: indexOf('f64'), v128: indexOf('v128') };
}

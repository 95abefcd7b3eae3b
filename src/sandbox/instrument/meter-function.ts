import type { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { FuelCode, type FuelPlaces } from './fuel-code.js';
import { readLocals } from './function-body.js';
import { FUNCTION_BYTES_MAX } from './limits.js';
import { FunctionTooLarge } from './module-problem.js';
import { localsCost } from './operator-cost.js';
import { FunctionPlan, type PlanContext } from './plan-function.js';
import { StackCode, type StackPlaces } from './stack-code.js';

const I32 = 0x7f;
const I64 = 0x7e;

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
  const fuelLocal = stackLocal + Number(plan.usesStack);
  const fuel = new FuelCode(
    { ...context, fuelLocal, reportAtLocal: fuelLocal + 1, lengthLocal },
    plan.countsIn,
  );
  const stack = new StackCode({ ...context, stackLocal }, context.stack.frameBytes(index));
  const code = new ByteWriter();
  let copied = start;
  for (const { offset, replaces, write } of plan.insertions) {
    code.raw(body.bytes.subarray(copied, offset));
    write(code, fuel, stack);
    copied = offset + replaces;
    if (code.length > FUNCTION_BYTES_MAX)
      throw new FunctionTooLarge(`is too large for the engine with the counting code in it`);
  }
  code.raw(body.bytes.subarray(copied, body.end));
  const numbers = fuelLocal - lengthLocal;
  const writer = new ByteWriter();
  const { localsUsed } = fuel;
  writer.u32(locals.groups + Number(numbers > 0) + Number(localsUsed > 0)).raw(locals.bytes);
  if (numbers > 0) writer.u32(numbers).byte(I32);
  if (localsUsed > 0) writer.u32(localsUsed).byte(I64);
  return writer.raw(code.toBytes());
}

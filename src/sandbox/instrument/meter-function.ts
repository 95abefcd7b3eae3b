import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { ControlFlow, type Piece } from './control-flow.js';
import { costOf, HOST_CALL_COST, LENGTH_COSTS, LOCALS_PER_FUEL } from './cost-table.js';
import { FuelCode } from './fuel-code.js';
import { moveCharges } from './move-charges.js';
import { MalformedModule } from './module-problem.js';
import type { TypeShape } from './module-structure.js';
import { readOperator, skipValueType, type Operator } from './read-operator.js';

const I32 = 0x7f;
const I64 = 0x7e;

const CALL = 'call';
const STRUCT_NEW = /^struct\.new/;
const ARRAY_NEW_FIXED = 'array.new_fixed';

/** What metering a function needs to know of its module. */
export interface MeteringContext {
  fuelGlobal: number;
  growFailedGlobal: number;
  importedFunctions: number;
  types: readonly TypeShape[];
  /** Called with instructions the platform does not run. */
  onRefused: (operator: Operator) => void;
}

/** What is inserted before the byte at `offset`. */
type Insertion = { offset: number; code: Uint8Array } | { offset: number; piece: Piece };

/**
 * Rewrites the body of one function: two locals more, the counting code inserted, everything else copied as
 * it is. Branch labels count constructs from inside out and the inserted code is closed in itself, so no
 * label changes.
 */
export function meterFunction(body: ByteReader, parameters: number, context: MeteringContext): ByteWriter {
  const locals = readLocals(body);
  const fuelCode = new FuelCode({
    ...context,
    fuelLocal: parameters + locals.count,
    lengthLocal: parameters + locals.count + 1,
  });
  const start = body.position;
  const insertions = planInsertions(body, fuelCode, context);
  const entryCost = Math.floor(locals.count / LOCALS_PER_FUEL);
  chargeEntry(insertions, entryCost);
  const writer = new ByteWriter().u32(locals.groups + 2).raw(locals.bytes);
  writer.u32(1).byte(I64).u32(1).byte(I32);
  return insert(writer, body.bytes.subarray(0, body.end), start, insertions, fuelCode);
}

/** The declarations of locals (core specification 5.4.9) without their number of groups. */
function readLocals(body: ByteReader): { groups: number; count: number; bytes: Uint8Array } {
  const groups = body.u32();
  const start = body.position;
  let count = 0;
  for (let group = 0; group < groups; group++) {
    count += body.u32();
    skipValueType(body);
  }
  return { groups, count, bytes: body.bytes.subarray(start, body.position) };
}

function planInsertions(body: ByteReader, fuelCode: FuelCode, context: MeteringContext): Insertion[] {
  const insertions: Insertion[] = [{ offset: body.position, code: fuelCode.reload() }];
  const flow = new ControlFlow(body.position, (piece) => insertions.push({ offset: piece.offset, piece }));
  while (!flow.finished) {
    const operator = readOperator(body);
    if (operator.opcode.refusal !== undefined) {
      context.onRefused(operator);
      break;
    }
    const around = flow.reachable ? codeAround(operator, fuelCode) : {};
    if (around.before) insertions.push({ offset: operator.start, code: around.before });
    if (around.after) insertions.push({ offset: operator.end, code: around.after });
    flow.visit(operator, costAt(operator, context));
  }
  moveCharges(flow);
  if (flow.finished && !body.done) throw new MalformedModule('code behind the end of a function', body.position);
  return insertions;
}

/** What stands directly before and behind an instruction; a handler also starts with a stale copy. */
function codeAround(operator: Operator, fuelCode: FuelCode): { before?: Uint8Array; after?: Uint8Array } {
  const { control, cost } = operator.opcode;
  const length = LENGTH_COSTS[cost];
  switch (control) {
    case 'call':
    case 'catch':
      return { after: fuelCode.reload() };
    case 'bulk':
      return length ? { before: fuelCode.chargeLength(length) } : {};
    case 'grow-memory':
      return length ? { before: fuelCode.chargeLength(length), after: fuelCode.noteGrowFailure() } : {};
    default:
      return {};
  }
}

function costAt({ opcode, first, second }: Operator, context: MeteringContext): number {
  const cost = costOf(opcode);
  if (opcode.cost === CALL && first < context.importedFunctions) return cost + HOST_CALL_COST;
  if (opcode.name === ARRAY_NEW_FIXED) return cost + second;
  if (!STRUCT_NEW.test(opcode.name)) return cost;
  const type = context.types[first];
  return type?.form === 'structure' ? cost + type.fields : cost;
}

function chargeEntry(insertions: Insertion[], cost: number): void {
  const first = insertions.find((insertion) => 'piece' in insertion);
  if (first && 'piece' in first) first.piece.cost += cost;
}

function insert(
  writer: ByteWriter,
  source: Uint8Array,
  start: number,
  insertions: Insertion[],
  fuelCode: FuelCode,
): ByteWriter {
  let copied = start;
  for (const insertion of insertions) {
    const code = 'code' in insertion ? insertion.code : chargePiece(insertion.piece, fuelCode);
    writer.raw(source.subarray(copied, insertion.offset)).raw(code);
    copied = insertion.offset;
  }
  return writer.raw(source.subarray(copied));
}

function chargePiece({ cost }: Piece, fuelCode: FuelCode): Uint8Array {
  return cost === 0 ? new Uint8Array(0) : fuelCode.charge(cost);
}

import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { ControlFlow } from './control-flow.js';
import { LENGTH_COSTS, LOCALS_PER_FUEL } from './cost-table.js';
import { FuelCode } from './fuel-code.js';
import { moveCharges } from './move-charges.js';
import { MalformedModule } from './module-problem.js';
import type { TypeShape } from './module-structure.js';
import { readOperator, skipValueType, type Operator } from './read-operator.js';

const I32 = 0x7f;
const I64 = 0x7e;

/** What metering a function needs to know of its module. */
export interface MeteringContext {
  fuelGlobal: number;
  growFailedGlobal: number;
  types: readonly TypeShape[];
  /** Called with instructions the platform does not run. */
  onRefused: (operator: Operator) => void;
}

/** What is inserted before the byte at `offset`; written last, when the costs of all pieces are known. */
interface Insertion {
  offset: number;
  write: (code: FuelCode, writer: ByteWriter) => void;
}

interface Plan {
  insertions: Insertion[];
  /** Whether the function is better off with a copy of the fuel, see FuelCode. */
  wantsCopy: boolean;
}

/**
 * Rewrites the body of one function: two locals more, the counting code inserted, everything else copied as
 * it is. Branch labels count constructs from inside out and the inserted code is closed in itself, so no
 * label changes.
 */
export function meterFunction(body: ByteReader, parameters: number, context: MeteringContext): ByteWriter {
  const locals = readLocals(body);
  const start = body.position;
  const { insertions, wantsCopy } = planInsertions(body, Math.floor(locals.count / LOCALS_PER_FUEL), context);
  const fuelLocal = parameters + locals.count;
  const fuelCode = new FuelCode({ ...context, fuelLocal, lengthLocal: fuelLocal + 1 }, wantsCopy);
  const writer = new ByteWriter().u32(locals.groups + 2).raw(locals.bytes);
  writer.u32(1).byte(I64).u32(1).byte(I32);
  let copied = start;
  for (const { offset, write } of insertions) {
    writer.raw(body.bytes.subarray(copied, offset));
    write(fuelCode, writer);
    copied = offset;
  }
  return writer.raw(body.bytes.subarray(copied, body.end));
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

function planInsertions(body: ByteReader, entryCost: number, context: MeteringContext): Plan {
  const insertions: Insertion[] = [{ offset: body.position, write: (code, writer) => code.reload(writer) }];
  const flow = new ControlFlow(body.position, entryCost, (piece) =>
    insertions.push({
      offset: piece.offset,
      write: (code, writer) => {
        if (piece.cost > 0) code.charge(writer, piece.cost);
      },
    }),
  );
  while (!flow.finished) {
    const operator = readOperator(body);
    if (operator.opcode.refusal !== undefined) {
      context.onRefused(operator);
      break;
    }
    planAround(operator, insertions);
    flow.visit(operator, costAt(operator, context));
  }
  if (flow.finished && !body.done)
    throw new MalformedModule('code behind the end of a function', body.position);
  moveCharges(flow);
  // Catch clauses jump to labels where nothing tells that the copy is stale, so there it is better not to have one.
  return { insertions, wantsCopy: flow.hasLoops && !flow.hasCatchClauses };
}

/** What an instruction needs before and behind it besides the charges of pieces. */
function planAround({ opcode, start, end }: Operator, insertions: Insertion[]): void {
  switch (opcode.control) {
    case 'call':
    case 'catch':
      insertions.push({ offset: end, write: (code, writer) => code.reload(writer) });
      return;
    case 'bulk':
    case 'grow-memory': {
      const length = LENGTH_COSTS[opcode.class];
      if (length)
        insertions.push({ offset: start, write: (code, writer) => code.chargeLength(writer, length) });
      if (opcode.control === 'bulk') return;
      insertions.push({ offset: end, write: (code, writer) => code.noteGrowFailure(writer) });
      return;
    }
    default:
  }
}

/** A new structure or fixed array also costs by its size, which the module says. */
function costAt({ opcode, first, second }: Operator, { types }: MeteringContext): number {
  if (opcode.class !== 'aggregateNew') return opcode.cost;
  const type = types[first];
  return opcode.cost + (type?.form === 'structure' ? type.fields : second);
}

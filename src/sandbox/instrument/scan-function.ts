import type { ByteReader } from './byte-reader.js';
import { ControlFlow, type Piece } from './control-flow.js';
import { readLocals } from './function-body.js';
import { CATCH_CLAUSES_MAX, PIECES_TIMES_LOCALS_MAX, PLACES_MAX } from './limits.js';
import { FunctionTooLarge, tooManyPlaces } from './module-problem.js';
import { moveCharges } from './move-charges.js';
import { arityOfType, OperandHeight, type Signatures } from './operand-height.js';
import { localsCost } from './locals-cost.js';
import { VECTOR_LETTER, type TypeShape } from './module-structure.js';
import { readOperator, type Operator } from './read-operator.js';

/** What the call graph needs to know of a function. */
export interface ScannedFunction {
  /** What one activation holds on the stack, in stack bytes. */
  frameBytes: number;
  /** The indexes of functions it calls by name, each once. */
  callees: ReadonlySet<number>;
  /** The indexes of types it calls through tables and references, each once. */
  calledTypes: ReadonlySet<number>;
  /** Functions whose reference it takes. */
  referred: readonly number[];
  growsTables: boolean;
  /** What the piece of code costs that it begins with, without what the functions cost that are called there. */
  entryCost: number;
}

/** Return address, frame pointer, the instance and what else the engine keeps in every frame. */
const FRAME_OVERHEAD_BYTES = 96;

/** The engine gives a local or an operand one slot, twice as large where there are vectors. */
const SLOT_BYTES = 8;
const VECTOR_SLOT_BYTES = 16;

const VECTOR_PREFIX = 0xfd;

/** Reads a function once before any is rewritten: a caller's code depends on what its callees are. */
export function scanFunction(body: ByteReader, typeIndex: number, signatures: Signatures): ScannedFunction {
  const locals = readLocals(body);
  const height = new OperandHeight(signatures);
  const allLocals = arityOfType(signatures, typeIndex).parameters + locals.count;
  const pieces: Piece[] = [];
  const flow = new ControlFlow(body.position, localsCost(locals.count), (piece) => {
    if (pieces.push(piece) > PLACES_MAX) throw tooManyPlaces();
    if (pieces.length * allLocals > PIECES_TIMES_LOCALS_MAX)
      throw new FunctionTooLarge(
        `has ${allLocals} locals and so many branches that the engine could not compile it: together at most ${PIECES_TIMES_LOCALS_MAX}`,
      );
  });
  let catchClauses = 0;
  const callees = new Set<number>();
  const calledTypes = new Set<number>();
  const referred: number[] = [];
  let growsTables = false;
  let hasVectors = locals.hasVectors || hasVector(signatures.types[typeIndex]);
  while (!body.done) {
    if (body.bytes[body.position] === VECTOR_PREFIX) hasVectors = true;
    const operator = readOperator(body);
    const { opcode, first } = operator;
    // The function is going to be refused; what else it does is of no interest.
    if (opcode.refusal !== undefined) break;
    if (opcode.control === 'call' || opcode.control === 'tail-call') {
      if (opcode.class === 'call') callees.add(first);
      else calledTypes.add(first);
    } else if (opcode.name === 'ref.func') referred.push(first);
    else if (opcode.class === 'tableGrow') growsTables = true;
    if (opcode.control === 'try_table') catchClauses += operator.labels.length;
    if (catchClauses > CATCH_CLAUSES_MAX)
      throw new FunctionTooLarge(`has more than ${CATCH_CLAUSES_MAX} catch clauses`);
    height.visit(operator);
    hasVectors ||= hasVector(typeOfOperator(operator, signatures));
    flow.visit(operator, opcode.cost);
  }
  moveCharges(flow);
  const { parameters } = arityOfType(signatures, typeIndex);
  const slotBytes = hasVectors ? VECTOR_SLOT_BYTES : SLOT_BYTES;
  const frameBytes = FRAME_OVERHEAD_BYTES + slotBytes * (parameters + locals.count + height.max);
  const entryCost = pieces[0]?.cost ?? 0;
  return { frameBytes, callees, calledTypes, referred, growsTables, entryCost };
}

/** The type of what it calls or of the block that it opens, if it has one: their operands lie on the stack as well. */
function typeOfOperator({ opcode, first }: Operator, signatures: Signatures): TypeShape | undefined {
  if (opcode.class === 'call') return signatures.types[signatures.functionTypes[first] ?? -1];
  const isTyped = opcode.class === 'indirectCall' || opcode.immediates.startsWith('b');
  return isTyped ? signatures.types[first] : undefined;
}

function hasVector(type: TypeShape | undefined): boolean {
  return type?.form === 'function' && type.signature.includes(VECTOR_LETTER);
}

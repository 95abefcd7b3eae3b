import { ByteReader } from './byte-reader.js';
import { MalformedModule } from './module-problem.js';
import type { Immediates, Opcode } from './opcode.js';
import { isPrefix, opcodeOf } from './opcodes.js';

/** One instruction: what it is, where it stands, and those of its immediates that metering needs. */
export interface Operator {
  opcode: Opcode;
  start: number;
  end: number;
  /** The first index, label or block type (below zero unless it is the index of a type), and the second index. */
  first: number;
  second: number;
  /** The labels of a branch table or of catch clauses. */
  labels: readonly number[];
}

/** The walker met an opcode that is not in the table; refused by name instead of guessed. */
export class UnknownOpcode extends MalformedModule {
  constructor(prefix: number, code: number, offset: number) {
    const name = prefix === 0 ? hex(code) : `${hex(prefix)} ${hex(code)}`;
    super(`unknown instruction ${name}`, offset);
    this.name = 'UnknownOpcode';
  }
}

const hex = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;

const NO_LABELS: readonly number[] = [];

const TYPED_REFERENCE_NULLABLE = 0x63;
const TYPED_REFERENCE = 0x64;

/** Reads the instruction at the reader's position (core specification 5.4). */
export function readOperator(reader: ByteReader): Operator {
  const start = reader.position;
  const opcode = readOpcode(reader);
  const operator: Operator = { opcode, start, end: start, first: 0, second: 0, labels: NO_LABELS };
  // What is refused is not read on: its immediates are of no use to anybody.
  if (opcode.refusal === undefined) readImmediates(reader, opcode.immediates, operator);
  operator.end = reader.position;
  return operator;
}

function readOpcode(reader: ByteReader): Opcode {
  const start = reader.position;
  const byte = reader.byte();
  const prefix = isPrefix(byte) ? byte : 0;
  const code = prefix === 0 ? byte : reader.u32();
  const opcode = opcodeOf(prefix, code);
  if (opcode === undefined) throw new UnknownOpcode(prefix, code, start);
  return opcode;
}

function readImmediates(reader: ByteReader, immediates: Immediates, operator: Operator): void {
  let indexes = 0;
  for (let position = 0; position < immediates.length; position++) {
    const kind = immediates.charAt(position);
    if (kind === 'i') {
      const index = reader.u32();
      if (indexes++ === 0) operator.first = index;
      else operator.second = index;
    } else if (kind === 'T') operator.labels = readBranchTable(reader);
    else if (kind === 'C') operator.labels = readCatchClauses(reader);
    else if (kind === 'b') operator.first = readBlockType(reader);
    else skipImmediate(reader, kind);
  }
}

function skipImmediate(reader: ByteReader, kind: string): void {
  if (kind === 's') reader.skipNumber();
  else if (kind === 'm') skipMemoryArgument(reader);
  else if (kind === 'l') reader.skip(1);
  else if (kind === '4') reader.skip(4);
  else if (kind === '8') reader.skip(8);
  else if (kind === 'x') reader.skip(16);
  else for (let count = reader.u32(); count > 0; count--) skipValueType(reader);
}

/** The block type without parameters and results, see Operator.first. */
export const EMPTY_BLOCK_TYPE = -64;

function readBlockType(reader: ByteReader): number {
  const start = reader.position;
  const type = reader.s33();
  const first = reader.bytes[start];
  if (first === TYPED_REFERENCE || first === TYPED_REFERENCE_NULLABLE) reader.skipNumber();
  return type;
}

/** A value type: a signed number, with a heap type behind it for typed references. */
export function skipValueType(reader: ByteReader): void {
  const first = reader.bytes[reader.position];
  reader.skipNumber();
  if (first === TYPED_REFERENCE || first === TYPED_REFERENCE_NULLABLE) reader.skipNumber();
}

/** Alignment and offset; bit 6 of the alignment announces a memory index (multi-memory). */
function skipMemoryArgument(reader: ByteReader): void {
  const flags = reader.u32();
  if (flags & 0x40) reader.skipNumber();
  reader.skipNumber();
}

function readBranchTable(reader: ByteReader): number[] {
  const labels: number[] = [];
  for (let count = reader.u32(); count >= 0; count--) labels.push(reader.u32());
  return labels;
}

/** Clauses 0 and 1 name a tag, 2 and 3 catch all; every clause ends with its label. */
function readCatchClauses(reader: ByteReader): number[] {
  const labels: number[] = [];
  for (let count = reader.u32(); count > 0; count--) {
    const kind = reader.byte();
    if (kind < 2) reader.skipNumber();
    labels.push(reader.u32());
  }
  return labels;
}

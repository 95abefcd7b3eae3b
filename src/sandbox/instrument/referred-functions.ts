import { ByteReader } from './byte-reader.js';
import { readOperator, skipValueType } from './read-operator.js';
import { SECTION, type Section } from './sections.js';

/** The functions whose references stand in element segments and in the initial values of globals and tables. */
export function readReferredFunctions(sections: readonly Section[]): number[] {
  const referred: number[] = [];
  const each = (id: number, read: (reader: ByteReader, referred: number[]) => void): void => {
    const section = sections.find((candidate) => candidate.id === id);
    if (section === undefined) return;
    const reader = new ByteReader(section.bytes);
    for (let count = reader.u32(); count > 0; count--) read(reader, referred);
  };
  each(SECTION.element, readElementSegment);
  each(SECTION.global, readGlobal);
  each(SECTION.table, readTable);
  return referred;
}

function readGlobal(reader: ByteReader, referred: number[]): void {
  skipValueType(reader);
  reader.byte();
  readExpression(reader, referred);
}

const TABLE_WITH_VALUE = 0x40;
const HAS_MAXIMUM = 0x01;

function readTable(reader: ByteReader, referred: number[]): void {
  const hasValue = reader.bytes[reader.position] === TABLE_WITH_VALUE;
  if (hasValue) reader.skip(2);
  skipValueType(reader);
  const flags = reader.byte();
  reader.skipNumber();
  if (flags & HAS_MAXIMUM) reader.skipNumber();
  if (hasValue) readExpression(reader, referred);
}

const IS_PASSIVE_OR_DECLARED = 0x01;
const HAS_TABLE_OR_IS_DECLARED = 0x02;
const HAS_EXPRESSIONS = 0x04;

/** Core specification 5.5.12: three bits say which of the fields are there. */
function readElementSegment(reader: ByteReader, referred: number[]): void {
  const flags = reader.u32();
  if (!(flags & IS_PASSIVE_OR_DECLARED)) {
    if (flags & HAS_TABLE_OR_IS_DECLARED) reader.skipNumber();
    readExpression(reader, referred);
  }
  if (flags & (IS_PASSIVE_OR_DECLARED | HAS_TABLE_OR_IS_DECLARED)) {
    if (flags & HAS_EXPRESSIONS) skipValueType(reader);
    else reader.byte();
  }
  for (let count = reader.u32(); count > 0; count--) {
    if (flags & HAS_EXPRESSIONS) readExpression(reader, referred);
    else referred.push(reader.u32());
  }
}

function readExpression(reader: ByteReader, referred: number[]): void {
  for (;;) {
    const { opcode, first } = readOperator(reader);
    if (opcode.name === 'ref.func') referred.push(first);
    if (opcode.control === 'end') return;
  }
}

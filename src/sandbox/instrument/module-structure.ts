import { ByteReader } from './byte-reader.js';
import { MalformedModule } from './module-problem.js';
import { readOperator, skipValueType } from './read-operator.js';
import { readReferredFunctions } from './referred-functions.js';
import { SECTION, splitSections, type Section } from './sections.js';

const EXTERNAL_KINDS = ['function', 'table', 'memory', 'global', 'tag'] as const;
type ExternalKind = (typeof EXTERNAL_KINDS)[number];

/**
 * A function's signature is written like `iI:i`: parameters, colon, results; i is i32, I is i64, f and F are
 * the floats, v is a vector, r any reference.
 */
export type TypeShape =
  { form: 'function'; signature: string; parameters: number } | { form: 'structure' | 'array' };

export interface ImportEntry {
  module: string;
  field: string;
  kind: ExternalKind;
  /** Of a function only. */
  typeIndex: number;
}

interface ExportEntry {
  field: string;
  kind: ExternalKind;
  index: number;
}

export interface Limits {
  initial: number;
  maximum: number | null;
  shared: boolean;
  is64: boolean;
}

export interface TableEntry {
  limits: Limits;
  /** The bytes before the limits (element type), and after them (initial value). */
  before: Uint8Array;
  after: Uint8Array;
}

/** What the checks and the rewriting need to know of a module; everything else stays bytes. */
export interface ModuleStructure {
  sections: Section[];
  types: TypeShape[];
  imports: ImportEntry[];
  importedFunctions: number;
  /** The type of every function, imported ones first. */
  functionTypes: number[];
  tables: TableEntry[];
  memories: Limits[];
  globalCount: number;
  /** Functions of which a table or a global holds a reference; code may take more. */
  referredFunctions: number[];
  exports: ExportEntry[];
  startFunction: number | undefined;
}

export function readStructure(bytes: Uint8Array): ModuleStructure {
  const sections = splitSections(bytes);
  const entries = <Entry>(id: number, read: (reader: ByteReader) => Entry): Entry[] => {
    const reader = readerOf(sections, id);
    if (reader === undefined) return [];
    return Array.from(counted(reader), () => read(reader));
  };
  const imports = entries(SECTION.import, readImport);
  const imported = imports.filter(({ kind }) => kind === 'function').map(({ typeIndex }) => typeIndex);
  return {
    sections,
    types: entries(SECTION.type, readRecursionGroup).flat(),
    imports,
    importedFunctions: imported.length,
    functionTypes: [...imported, ...entries(SECTION.function, (reader) => reader.u32())],
    tables: entries(SECTION.table, readTable),
    memories: entries(SECTION.memory, readLimits),
    globalCount: readerOf(sections, SECTION.global)?.u32() ?? 0,
    referredFunctions: readReferredFunctions(sections),
    exports: entries(SECTION.export, readExport),
    startFunction: readerOf(sections, SECTION.start)?.u32(),
  };
}

function readerOf(sections: Section[], id: number): ByteReader | undefined {
  const section = sections.find((candidate) => candidate.id === id);
  return section && new ByteReader(section.bytes);
}

/** Yields once per announced entry; a forged count ends at the end of the bytes, not of the memory. */
function* counted(reader: ByteReader): Generator<void> {
  for (let count = reader.u32(); count > 0; count--) yield;
}

const RECURSION_GROUP = 0x4e;
const SUBTYPE = 0x50;
const SUBTYPE_FINAL = 0x4f;

function readRecursionGroup(reader: ByteReader): TypeShape[] {
  if (reader.bytes[reader.position] !== RECURSION_GROUP) return [readSubtype(reader)];
  reader.byte();
  return Array.from(counted(reader), () => readSubtype(reader));
}

function readSubtype(reader: ByteReader): TypeShape {
  const form = reader.byte();
  if (form !== SUBTYPE && form !== SUBTYPE_FINAL) return readComposite(reader, form);
  for (const _ of counted(reader)) reader.skipNumber();
  return readComposite(reader, reader.byte());
}

function readComposite(reader: ByteReader, form: number): TypeShape {
  switch (form) {
    case 0x60: {
      const parameters = readTypes(reader);
      return {
        form: 'function',
        signature: `${parameters}:${readTypes(reader)}`,
        parameters: parameters.length,
      };
    }
    case 0x5f: {
      for (const _ of counted(reader)) skipField(reader);
      return { form: 'structure' };
    }
    case 0x5e:
      skipField(reader);
      return { form: 'array' };
    default:
      throw new MalformedModule(`unknown form of type 0x${form.toString(16)}`, reader.position);
  }
}

/** How a signature writes a vector, which takes two slots. */
export const VECTOR_LETTER = 'v';
const TYPE_LETTERS: Readonly<Record<number, string>> = {
  0x7f: 'i',
  0x7e: 'I',
  0x7d: 'f',
  0x7c: 'F',
  0x7b: VECTOR_LETTER,
};

function readTypes(reader: ByteReader): string {
  const letters = Array.from(counted(reader), () => {
    const letter = TYPE_LETTERS[reader.bytes[reader.position] ?? 0] ?? 'r';
    skipValueType(reader);
    return letter;
  });
  return letters.join('');
}

function skipField(reader: ByteReader): void {
  skipValueType(reader);
  reader.byte();
}

function readKind(reader: ByteReader): ExternalKind {
  const kind = EXTERNAL_KINDS[reader.byte()];
  if (kind === undefined) throw new MalformedModule('unknown kind of import or export', reader.position);
  return kind;
}

function readImport(reader: ByteReader): ImportEntry {
  const entry: ImportEntry = {
    module: reader.name(),
    field: reader.name(),
    kind: readKind(reader),
    typeIndex: 0,
  };
  if (entry.kind === 'function') entry.typeIndex = reader.u32();
  else skipImportType(reader, entry.kind);
  return entry;
}

function skipImportType(reader: ByteReader, kind: ExternalKind): void {
  if (kind === 'table') skipValueType(reader);
  if (kind === 'table' || kind === 'memory') {
    readLimits(reader);
    return;
  }
  // A global is a value type and a mutability, a tag is an attribute and a type index.
  skipValueType(reader);
  reader.u32();
}

function readExport(reader: ByteReader): ExportEntry {
  return { field: reader.name(), kind: readKind(reader), index: reader.u32() };
}

function readLimits(reader: ByteReader): Limits {
  const flags = reader.byte();
  const is64 = (flags & 0x04) !== 0;
  const initial = readBound(reader, is64);
  const maximum = flags & 0x01 ? readBound(reader, is64) : null;
  return { initial, maximum, shared: (flags & 0x02) !== 0, is64 };
}

/** Bounds of 64 bits are refused later, so their value is of no interest. */
function readBound(reader: ByteReader, is64: boolean): number {
  if (!is64) return reader.u32();
  reader.skipNumber();
  return 0;
}

/** A table may begin with 0x40 0x00 and then ends with the expression of its initial value. */
function readTable(reader: ByteReader): TableEntry {
  const start = reader.position;
  const hasInitialValue = reader.bytes[start] === 0x40;
  if (hasInitialValue) reader.skip(2);
  skipValueType(reader);
  const before = reader.bytes.subarray(start, reader.position);
  const limits = readLimits(reader);
  const valueStart = reader.position;
  if (hasInitialValue) while (readOperator(reader).opcode.control !== 'end');
  return { limits, before, after: reader.bytes.subarray(valueStart, reader.position) };
}

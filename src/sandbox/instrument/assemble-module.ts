import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { COST_TABLE_VERSION } from './cost-table.js';
import { MEMORY_PAGES_MAX, TABLE_ELEMENT_BYTES } from './limits.js';
import type { MeteredCode } from './meter-code.js';
import type { Limits, ModuleStructure, TableEntry } from './module-structure.js';
import { preparedIndexes } from './prepared-indexes.js';
import { tableBounds, tableElements } from './table-bounds.js';
import { comesAfter, SECTION, type Section } from './sections.js';

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

const KIND = { function: 0x00, table: 0x01, memory: 0x02, global: 0x03 } as const;
const HAS_MAXIMUM = 0x01;
/** A function without parameters and results. */
const REPORT_TYPE = [0x60, 0x00, 0x00];
const FUNCTION_REFERENCE = [0x70];
const MUTABLE_I64_ZERO = [0x7e, 0x01, 0x42, 0x00, 0x0b];
const MUTABLE_I32_ZERO = [0x7f, 0x01, 0x41, 0x00, 0x0b];

/**
 * Sections that speak about byte offsets in the code, which have moved, or that only a linker reads.
 * The name section speaks about indexes, which have not.
 */
const DROPPED_SECTIONS =
  /^(\.debug_|reloc\.|metadata\.code\.|(sourceMappingURL|external_debug_info|linking|build_id)$)/;

/** Puts the prepared module together: changed sections are written anew, all others copied bit for bit. */
export function assembleModule(structure: ModuleStructure, code: MeteredCode): Uint8Array {
  const writer = new ByteWriter().raw(MAGIC_AND_VERSION);
  for (const section of changedSections(structure, code)) writeSection(writer, section);
  writePreparedSection(writer, structure, code);
  return Uint8Array.from(writer.toBytes());
}

function writeSection(writer: ByteWriter, { id, name, bytes }: Pick<Section, 'id' | 'name' | 'bytes'>): void {
  const content = new ByteWriter();
  if (id === SECTION.custom) content.name(name);
  writer.byte(id).sized(content.raw(bytes));
}

function changedSections(structure: ModuleStructure, { section, growsTables }: MeteredCode): Section[] {
  const changed = new Map<number, ByteWriter | undefined>([
    [SECTION.memory, undefined],
    [SECTION.start, undefined],
    [SECTION.import, importSection(structure)],
    [SECTION.global, globalSection(structure)],
    [SECTION.export, exportSection(structure)],
    [SECTION.table, tableSection(structure.tables, growsTables)],
    [SECTION.type, extended(structure, SECTION.type, 1, new ByteWriter().raw(REPORT_TYPE))],
    [SECTION.function, functionSection(structure)],
    [SECTION.code, section],
  ]);
  const kept = structure.sections.filter(({ id, name }) => !changed.has(id) && !DROPPED_SECTIONS.test(name));
  for (const [id, content] of changed) if (content) placeSection(kept, id, content.toBytes());
  return kept;
}

function placeSection(sections: Section[], id: number, bytes: Uint8Array): void {
  const next = sections.findIndex((section) => section.id !== SECTION.custom && comesAfter(section.id, id));
  sections.splice(next === -1 ? sections.length : next, 0, { id, name: '', bytes, offset: 0 });
}

/** The content of a section that is a list, with entries added at its end. */
function extended(structure: ModuleStructure, id: number, count: number, entries: ByteWriter): ByteWriter {
  const section = structure.sections.find((candidate) => candidate.id === id);
  if (section === undefined) return new ByteWriter().u32(count).raw(entries.toBytes());
  const reader = new ByteReader(section.bytes);
  const before = reader.u32();
  const list = section.bytes.subarray(reader.position);
  return new ByteWriter()
    .u32(before + count)
    .raw(list)
    .raw(entries.toBytes());
}

/**
 * The memory becomes an import, so that the host decides its real maximum and measures it. An import without
 * a maximum would match too, but one with the largest maximum keeps the host from handing in an unbounded one:
 * the memory given must have a maximum, and not a larger one (core specification 3.2.7, matching of limits).
 */
function importSection(structure: ModuleStructure): ByteWriter | undefined {
  const memory = structure.memories[0];
  if (memory === undefined) {
    return structure.imports.length > 0
      ? extended(structure, SECTION.import, 0, new ByteWriter())
      : undefined;
  }
  const entry = new ByteWriter().name('spell').name('memory').byte(KIND.memory);
  writeLimits(entry, { initial: memory.initial, maximum: memory.maximum ?? MEMORY_PAGES_MAX });
  return extended(structure, SECTION.import, 1, entry);
}

function writeLimits(writer: ByteWriter, { initial, maximum }: Pick<Limits, 'initial' | 'maximum'>): void {
  if (maximum === null) writer.byte(0).u32(initial);
  else writer.byte(HAS_MAXIMUM).u32(initial).u32(maximum);
}

function functionSection(structure: ModuleStructure): ByteWriter {
  const { reportType } = preparedIndexes(structure);
  return extended(structure, SECTION.function, 1, new ByteWriter().u32(reportType));
}

function globalSection(structure: ModuleStructure): ByteWriter {
  const entries = new ByteWriter().raw(MUTABLE_I64_ZERO).raw(MUTABLE_I32_ZERO).raw(MUTABLE_I32_ZERO);
  entries.raw(MUTABLE_I64_ZERO);
  return extended(structure, SECTION.global, 4, entries);
}

function exportSection(structure: ModuleStructure): ByteWriter {
  const { startFunction } = structure;
  const { fuelGlobal, growFailedGlobal, stackGlobal, reportAtGlobal, reportTable } =
    preparedIndexes(structure);
  const entries = new ByteWriter();
  const add = (name: string, kind: number, index: number): unknown =>
    entries.name(name).byte(kind).u32(index);
  add('spell_fuel', KIND.global, fuelGlobal);
  add('spell_grow_failed', KIND.global, growFailedGlobal);
  add('spell_stack', KIND.global, stackGlobal);
  add('spell_report_at', KIND.global, reportAtGlobal);
  add('spell_report', KIND.table, reportTable);
  if (startFunction !== undefined) add('spell_start', KIND.function, startFunction);
  return extended(structure, SECTION.export, startFunction === undefined ? 5 : 6, entries);
}

/** Every table with its bound. The last one is ours. */
function tableSection(tables: TableEntry[], growsTables: boolean): ByteWriter {
  const bounds = tableBounds(tables, growsTables);
  const writer = new ByteWriter().u32(tables.length + 1);
  for (const [index, { before, limits, after }] of tables.entries()) {
    writer.raw(before);
    writeLimits(writer, { initial: limits.initial, maximum: bounds[index] ?? limits.initial });
    writer.raw(after);
  }
  writeLimits(writer.raw(FUNCTION_REFERENCE), { initial: 1, maximum: 1 });
  return writer;
}

/** Tells the host what it is about to run without reading the rest. */
function writePreparedSection(
  writer: ByteWriter,
  { memories, startFunction, tables }: ModuleStructure,
  { growsTables }: MeteredCode,
): void {
  const content = JSON.stringify({
    costTable: COST_TABLE_VERSION,
    initialPages: memories[0]?.initial ?? 0,
    maximumPages: memories[0]?.maximum ?? null,
    tableBytes: tableElements(tables, growsTables) * TABLE_ELEMENT_BYTES,
    hasMemory: memories.length > 0,
    hasStart: startFunction !== undefined,
  });
  writeSection(writer, { id: SECTION.custom, name: 'spell.prepared', bytes: Buffer.from(content, 'utf-8') });
}

import { ByteReader } from './byte-reader.js';

export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** The order the format demands (core specification 5.5.2); custom sections may stand anywhere. */
const SECTION_ORDER: readonly number[] = [
  SECTION.type,
  SECTION.import,
  SECTION.function,
  SECTION.table,
  SECTION.memory,
  SECTION.tag,
  SECTION.global,
  SECTION.export,
  SECTION.start,
  SECTION.element,
  SECTION.dataCount,
  SECTION.code,
  SECTION.data,
];

export interface Section {
  id: number;
  /** Empty unless the section is custom. */
  name: string;
  /** The content without id and length; of a custom section without its name too. */
  bytes: Uint8Array;
  /** Where the content starts in the module. */
  offset: number;
}

const HEADER_BYTES = 8;

export function splitSections(bytes: Uint8Array): Section[] {
  const reader = new ByteReader(bytes, HEADER_BYTES);
  const sections: Section[] = [];
  while (!reader.done) {
    const id = reader.byte();
    const content = reader.slice(reader.u32());
    const name = id === SECTION.custom ? content.name() : '';
    const offset = content.position;
    sections.push({ id, name, bytes: bytes.subarray(offset, content.end), offset });
  }
  return sections;
}

/** Whether a section with this id has its place after `other`. */
export function comesAfter(id: number, other: number): boolean {
  return SECTION_ORDER.indexOf(id) > SECTION_ORDER.indexOf(other);
}

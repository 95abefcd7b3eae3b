import { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import type { Operator } from './read-operator.js';

const LABEL_FIRST = new Set(['br', 'br_if', 'br_on_null', 'br_on_non_null', 'rethrow', 'delegate']);
const LABEL_BEHIND_FLAGS = new Set(['br_on_cast', 'br_on_cast_fail']);

export function hasLabels({ opcode }: Operator): boolean {
  const { name } = opcode;
  return name === 'br_table' || LABEL_FIRST.has(name) || LABEL_BEHIND_FLAGS.has(name);
}

/** Writes the instruction with other labels. */
export function writeRelabeled(
  writer: ByteWriter,
  bytes: Uint8Array,
  { opcode, start, end, labels }: Operator,
  relabel: (label: number) => number,
): void {
  const reader = new ByteReader(bytes, start, end);
  reader.byte();
  if (opcode.name === 'br_table') {
    writer.raw(bytes.subarray(start, reader.position)).u32(labels.length - 1);
    for (const label of labels) writer.u32(relabel(label));
    return;
  }
  if (LABEL_BEHIND_FLAGS.has(opcode.name)) {
    reader.u32();
    reader.byte();
  }
  writer.raw(bytes.subarray(start, reader.position)).u32(relabel(reader.u32()));
  writer.raw(bytes.subarray(reader.position, end));
}

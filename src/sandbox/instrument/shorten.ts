import type { Operator } from './read-operator.js';

// Instructions of which every immediate is a LEB128 number: indexes, memory arguments, signed constants.
const NUMBERS_ONLY = /^[ims]+$/;
const isNumbersOnly = new Map<string, boolean>();
const MORE = 0x80;
const SIGN = 0x40;
// An opcode and one byte: nothing to be had.
const SHORT = 2;

/**
 * The instruction with every number in its shortest form, or null when it is that already. wasm-ld pads what it
 * relocates to five bytes, and the engine judges by bytes which functions it compiles into their callers: padded, a
 * program grows by a tenth and recursion takes a seventh longer.
 */
export function shorten(bytes: Uint8Array, { opcode, start, end }: Operator): Uint8Array | null {
  if (end - start <= SHORT || !hasOnlyNumbers(opcode.immediates)) return null;
  const isSigned = opcode.immediates === 's';
  const shortened = [bytes[start] ?? 0];
  // Behind a prefix the opcode is such a number too.
  for (let first = start + 1; first < end;) {
    let last = first;
    while ((bytes[last] ?? 0) >= MORE) last++;
    let kept = last;
    while (kept > first && isRedundant(bytes[kept] ?? 0, bytes[kept - 1] ?? 0, isSigned, kept === last))
      kept--;
    for (let at = first; at < kept; at++) shortened.push((bytes[at] ?? 0) | MORE);
    shortened.push((bytes[kept] ?? 0) & ~MORE);
    first = last + 1;
  }
  return shortened.length < end - start ? Uint8Array.from(shortened) : null;
}

/** The group says only what its sign or its absence would say as well. Groups before the last carry a bit that says so. */
function isRedundant(byte: number, before: number, isSigned: boolean, isLast: boolean): boolean {
  const group = isLast ? byte : byte & ~MORE;
  if (!isSigned) return group === 0;
  return group === ((before & SIGN) === 0 ? 0 : 0x7f);
}

function hasOnlyNumbers(immediates: string): boolean {
  let known = isNumbersOnly.get(immediates);
  if (known === undefined) isNumbersOnly.set(immediates, (known = NUMBERS_ONLY.test(immediates)));
  return known;
}

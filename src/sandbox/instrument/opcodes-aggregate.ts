import type { Define } from './opcode.js';

/** Also said of the types, because globals and tables can make such objects without an instruction of a function. */
export const NO_AGGREGATES =
  'garbage-collected structures and arrays are not allowed: their memory cannot be held to a limit';

const AGGREGATES = [
  'struct.new struct.new_default struct.get struct.get_s struct.get_u struct.set',
  'array.new array.new_default array.new_fixed array.new_data array.new_elem array.get array.get_s array.get_u array.set',
  'array.len array.fill array.copy array.init_data array.init_elem',
].join(' ');

/** The instructions on structures, arrays and casts (core specification 5.4.3). */
export function defineAggregateOpcodes(define: Define): void {
  define(0xfb, 0x00, AGGREGATES, 'simple', '', { refusal: NO_AGGREGATES });
  define(0xfb, 0x14, 'ref.test ref.test_null ref.cast ref.cast_null', 'reference', 's');
  define(0xfb, 0x18, 'br_on_cast br_on_cast_fail', 'reference', 'liss', { control: 'branch-if' });
  define(0xfb, 0x1a, 'any.convert_extern extern.convert_any ref.i31 i31.get_s i31.get_u', 'smallReference');
}

import type { Define } from './opcode.js';

/** The instructions on structures, arrays and casts (core specification 5.4.3). */
export function defineAggregateOpcodes(define: Define): void {
  define(0xfb, 0x00, 'struct.new struct.new_default', 'aggregateNew', 'i');
  define(0xfb, 0x02, 'struct.get struct.get_s struct.get_u struct.set', 'aggregate', 'ii');
  define(0xfb, 0x06, 'array.new array.new_default', 'aggregateBulk', 'i', { control: 'bulk' });
  define(0xfb, 0x08, 'array.new_fixed', 'aggregateNew', 'ii');
  define(0xfb, 0x09, 'array.new_data array.new_elem', 'aggregateBulk', 'ii', { control: 'bulk' });
  define(0xfb, 0x0b, 'array.get array.get_s array.get_u array.set', 'aggregate', 'i');
  define(0xfb, 0x0f, 'array.len', 'aggregate');
  define(0xfb, 0x10, 'array.fill', 'aggregateBulk', 'i', { control: 'bulk' });
  define(0xfb, 0x11, 'array.copy array.init_data array.init_elem', 'aggregateBulk', 'ii', {
    control: 'bulk',
  });
  define(0xfb, 0x14, 'ref.test ref.test_null ref.cast ref.cast_null', 'reference', 's');
  define(0xfb, 0x18, 'br_on_cast br_on_cast_fail', 'reference', 'liss', { control: 'branch-if' });
  define(0xfb, 0x1a, 'any.convert_extern extern.convert_any ref.i31 i31.get_s i31.get_u', 'aggregate');
}

import type { Define } from './opcode.js';

const COMPARE_INTEGERS = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
const COMPARE_FLOATS = 'eq ne lt gt le ge';
const of = (type: string, names: string): string => names.replace(/\S+/g, (name) => `${type}.${name}`);

/** The instructions without a vector or garbage-collected operand (core specification 5.4.1 to 5.4.7). */
export function defineCoreOpcodes(define: Define): void {
  defineControl(define);
  defineReferences(define);
  defineMemory(define);
  defineNumeric(define);
  define(
    0xfe,
    0x00,
    Array.from({ length: 0x4f }, (_, code) => `atomic.0x${code.toString(16)}`).join(' '),
    'memory',
    '',
    {
      refusal: 'threads and atomic instructions are not allowed: a spell runs on one thread',
    },
  );
}

function defineControl(define: Define): void {
  define(0, 0x00, 'unreachable', 'simple', '', { control: 'trap' });
  define(0, 0x01, 'nop', 'simple');
  define(0, 0x02, 'block', 'structure', 'b', { control: 'block' });
  define(0, 0x03, 'loop', 'structure', 'b', { control: 'loop' });
  define(0, 0x04, 'if', 'simple', 'b', { control: 'if' });
  define(0, 0x05, 'else', 'structure', '', { control: 'else' });
  define(0, 0x06, 'try', 'structure', 'b', { control: 'try' });
  define(0, 0x07, 'catch', 'structure', 'i', { control: 'catch' });
  define(0, 0x08, 'throw', 'throw', 'i', { control: 'throw' });
  define(0, 0x09, 'rethrow', 'throw', 'i', { control: 'throw' });
  define(0, 0x0a, 'throw_ref', 'throw', '', { control: 'throw' });
  define(0, 0x0b, 'end', 'structure', '', { control: 'end' });
  define(0, 0x0c, 'br', 'simple', 'i', { control: 'branch' });
  define(0, 0x0d, 'br_if', 'simple', 'i', { control: 'branch-if' });
  define(0, 0x0e, 'br_table', 'branchTable', 'T', { control: 'branch-table' });
  define(0, 0x0f, 'return', 'simple', '', { control: 'return' });
  define(0, 0x10, 'call', 'call', 'i', { control: 'call' });
  define(0, 0x11, 'call_indirect', 'indirectCall', 'ii', { control: 'call' });
  define(0, 0x12, 'return_call', 'call', 'i', { control: 'tail-call' });
  define(0, 0x13, 'return_call_indirect', 'indirectCall', 'ii', { control: 'tail-call' });
  define(0, 0x14, 'call_ref', 'indirectCall', 'i', { control: 'call' });
  define(0, 0x15, 'return_call_ref', 'indirectCall', 'i', { control: 'tail-call' });
  define(0, 0x18, 'delegate', 'structure', 'i', { control: 'delegate' });
  define(0, 0x19, 'catch_all', 'structure', '', { control: 'catch' });
  define(0, 0x1f, 'try_table', 'structure', 'bC', { control: 'try_table' });
  define(0, 0x1a, 'drop select', 'simple');
  define(0, 0x1c, 'select', 'simple', 't');
}

function defineReferences(define: Define): void {
  define(0, 0x20, 'local.get local.set local.tee global.get global.set', 'simple', 'i');
  define(0, 0x25, 'table.get', 'tableRead', 'i');
  define(0, 0x26, 'table.set', 'tableWrite', 'i');
  define(0, 0xd0, 'ref.null', 'simple', 's');
  define(0, 0xd1, 'ref.is_null', 'simple');
  define(0, 0xd2, 'ref.func', 'reference', 'i');
  define(0, 0xd3, 'ref.eq ref.as_non_null', 'simple');
  define(0, 0xd5, 'br_on_null br_on_non_null', 'simple', 'i', { control: 'branch-if' });
  define(0xfc, 0x0c, 'table.init', 'tableBulk', 'ii', { control: 'bulk' });
  define(0xfc, 0x0d, 'elem.drop', 'drop', 'i');
  define(0xfc, 0x0e, 'table.copy', 'tableBulk', 'ii', { control: 'bulk' });
  define(0xfc, 0x0f, 'table.grow', 'tableGrow', 'i', { control: 'bulk' });
  define(0xfc, 0x10, 'table.size', 'simple', 'i');
  define(0xfc, 0x11, 'table.fill', 'tableBulk', 'i', { control: 'bulk' });
}

function defineMemory(define: Define): void {
  const narrow = 'load8_s load8_u load16_s load16_u';
  define(0, 0x28, 'i32.load i64.load f32.load f64.load', 'memory', 'm');
  define(0, 0x2c, of('i32', narrow), 'memory', 'm');
  define(0, 0x30, of('i64', `${narrow} load32_s load32_u`), 'memory', 'm');
  define(0, 0x36, 'i32.store i64.store f32.store f64.store i32.store8 i32.store16', 'memory', 'm');
  define(0, 0x3c, 'i64.store8 i64.store16 i64.store32', 'memory', 'm');
  define(0, 0x3f, 'memory.size', 'simple', 'i');
  define(0, 0x40, 'memory.grow', 'memoryGrow', 'i', { control: 'grow-memory' });
  define(0xfc, 0x08, 'memory.init', 'memoryBulk', 'ii', { control: 'bulk' });
  define(0xfc, 0x09, 'data.drop', 'drop', 'i');
  define(0xfc, 0x0a, 'memory.copy', 'memoryBulk', 'ii', { control: 'bulk' });
  define(0xfc, 0x0b, 'memory.fill', 'memoryBulk', 'i', { control: 'bulk' });
}

function defineNumeric(define: Define): void {
  define(0, 0x41, 'i32.const i64.const', 'simple', 's');
  define(0, 0x43, 'f32.const', 'simple', '4');
  define(0, 0x44, 'f64.const', 'simple', '8');
  define(0, 0x45, of('i32', `eqz ${COMPARE_INTEGERS}`), 'simple');
  define(0, 0x50, of('i64', `eqz ${COMPARE_INTEGERS}`), 'simple');
  define(0, 0x5b, of('f32', COMPARE_FLOATS), 'simple');
  define(0, 0x61, of('f64', COMPARE_FLOATS), 'simple');
  for (const [type, first] of [
    ['i32', 0x67],
    ['i64', 0x79],
  ] as const) {
    define(0, first, of(type, 'clz ctz popcnt add sub mul'), 'simple');
    define(0, first + 6, of(type, 'div_s div_u rem_s rem_u'), 'division');
    define(0, first + 10, of(type, 'and or xor shl shr_s shr_u rotl rotr'), 'simple');
  }
  for (const [type, first] of [
    ['f32', 0x8b],
    ['f64', 0x99],
  ] as const) {
    define(0, first, of(type, 'abs neg ceil floor trunc nearest'), 'simple');
    define(0, first + 6, of(type, 'sqrt'), 'division');
    define(0, first + 7, of(type, 'add sub mul'), 'simple');
    define(0, first + 10, of(type, 'div'), 'division');
    define(0, first + 11, of(type, 'min max copysign'), 'simple');
  }
  defineConversions(define);
}

function defineConversions(define: Define): void {
  const truncations = 'trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u';
  const integers = 'convert_i32_s convert_i32_u convert_i64_s convert_i64_u';
  const saturating = 'trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u';
  define(0, 0xa7, of('i32', `wrap_i64 ${truncations}`), 'simple');
  define(0, 0xac, of('i64', `extend_i32_s extend_i32_u ${truncations}`), 'simple');
  define(0, 0xb2, of('f32', `${integers} demote_f64`), 'simple');
  define(0, 0xb7, of('f64', `${integers} promote_f32`), 'simple');
  define(
    0,
    0xbc,
    'i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64',
    'simple',
  );
  define(0, 0xc0, 'i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s', 'simple');
  define(0xfc, 0x00, of('i32', saturating), 'simple');
  define(0xfc, 0x04, of('i64', saturating), 'simple');
}

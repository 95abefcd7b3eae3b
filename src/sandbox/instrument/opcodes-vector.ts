import type { Define } from './opcode.js';

const COMPARE_INTEGERS = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
const COMPARE_FLOATS = 'eq ne lt gt le ge';

const of = (shape: string, names: string): string => names.replace(/\S+/g, (name) => `${shape}.${name}`);
const widenings = (kind: string, from: string): string =>
  ['low', 'high'].map((half) => `${kind}_${half}_${from}_s`).join(' ') +
  ' ' +
  ['low', 'high'].map((half) => `${kind}_${half}_${from}_u`).join(' ');

/** The instructions on 128-bit vectors (core specification 5.4.8); gaps in the numbering are the format's. */
export function defineVectorOpcodes(define: Define): void {
  const plain = (first: number, names: string): void => define(0xfd, first, names, 'vector');
  defineLoadsAndLanes(define);
  plain(0x0e, 'i8x16.swizzle i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat');
  plain(0x23, of('i8x16', COMPARE_INTEGERS));
  plain(0x2d, of('i16x8', COMPARE_INTEGERS));
  plain(0x37, of('i32x4', COMPARE_INTEGERS));
  plain(0x41, of('f32x4', COMPARE_FLOATS));
  plain(0x47, of('f64x2', COMPARE_FLOATS));
  plain(0x4d, of('v128', 'not and andnot or xor bitselect any_true'));
  plain(0x5e, 'f32x4.demote_f64x2_zero f64x2.promote_low_f32x4');
  defineNarrowIntegers(plain);
  defineWideIntegers(plain);
  defineFloats(define);
  defineRelaxed(define);
}

function defineLoadsAndLanes(define: Define): void {
  const loads =
    'load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u load8_splat load16_splat load32_splat load64_splat store';
  const lanes =
    'load8_lane load16_lane load32_lane load64_lane store8_lane store16_lane store32_lane store64_lane';
  define(0xfd, 0x00, of('v128', loads), 'vector', 'm');
  define(0xfd, 0x0c, 'v128.const i8x16.shuffle', 'vector', 'x');
  define(0xfd, 0x15, of('i8x16', 'extract_lane_s extract_lane_u replace_lane'), 'vector', 'l');
  define(0xfd, 0x18, of('i16x8', 'extract_lane_s extract_lane_u replace_lane'), 'vector', 'l');
  ['i32x4', 'i64x2', 'f32x4', 'f64x2'].forEach((shape, position) =>
    define(0xfd, 0x1b + 2 * position, of(shape, 'extract_lane replace_lane'), 'vector', 'l'),
  );
  define(0xfd, 0x54, of('v128', lanes), 'vector', 'ml');
  define(0xfd, 0x5c, of('v128', 'load32_zero load64_zero'), 'vector', 'm');
}

type Plain = (first: number, names: string) => void;

function defineNarrowIntegers(plain: Plain): void {
  const saturating = 'add add_sat_s add_sat_u sub sub_sat_s sub_sat_u';
  plain(0x60, of('i8x16', 'abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u'));
  plain(0x67, of('f32x4', 'ceil floor trunc nearest'));
  plain(0x6b, of('i8x16', `shl shr_s shr_u ${saturating}`));
  plain(0x74, of('f64x2', 'ceil floor'));
  plain(0x76, of('i8x16', 'min_s min_u max_s max_u'));
  plain(0x7a, 'f64x2.trunc i8x16.avgr_u');
  plain(0x7c, of('i16x8', 'extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u'));
  plain(0x7e, of('i32x4', 'extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u'));
  plain(0x80, of('i16x8', 'abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u'));
  plain(0x87, of('i16x8', `${widenings('extend', 'i8x16')} shl shr_s shr_u ${saturating}`));
  plain(0x94, 'f64x2.nearest');
  plain(0x95, of('i16x8', 'mul min_s min_u max_s max_u'));
  plain(0x9b, of('i16x8', `avgr_u ${widenings('extmul', 'i8x16')}`));
}

function defineWideIntegers(plain: Plain): void {
  plain(0xa0, of('i32x4', 'abs neg'));
  plain(0xa3, of('i32x4', 'all_true bitmask'));
  plain(0xa7, of('i32x4', `${widenings('extend', 'i16x8')} shl shr_s shr_u add`));
  plain(0xb1, 'i32x4.sub');
  plain(0xb5, of('i32x4', 'mul min_s min_u max_s max_u dot_i16x8_s'));
  plain(0xbc, of('i32x4', widenings('extmul', 'i16x8')));
  plain(0xc0, of('i64x2', 'abs neg'));
  plain(0xc3, of('i64x2', 'all_true bitmask'));
  plain(0xc7, of('i64x2', `${widenings('extend', 'i32x4')} shl shr_s shr_u add`));
  plain(0xd1, 'i64x2.sub');
  plain(0xd5, of('i64x2', `mul eq ne lt_s gt_s le_s ge_s ${widenings('extmul', 'i32x4')}`));
}

function defineFloats(define: Define): void {
  for (const [shape, first] of [
    ['f32x4', 0xe0],
    ['f64x2', 0xec],
  ] as const) {
    define(0xfd, first, of(shape, 'abs neg'), 'vector');
    define(0xfd, first + 3, of(shape, 'sqrt'), 'vectorDivision');
    define(0xfd, first + 4, of(shape, 'add sub mul'), 'vector');
    define(0xfd, first + 7, of(shape, 'div'), 'vectorDivision');
    define(0xfd, first + 8, of(shape, 'min max pmin pmax'), 'vector');
  }
  define(0xfd, 0xf8, of('i32x4', 'trunc_sat_f32x4_s trunc_sat_f32x4_u'), 'vector');
  define(0xfd, 0xfa, of('f32x4', 'convert_i32x4_s convert_i32x4_u'), 'vector');
  define(0xfd, 0xfc, of('i32x4', 'trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero'), 'vector');
  define(0xfd, 0xfe, of('f64x2', 'convert_low_i32x4_s convert_low_i32x4_u'), 'vector');
}

/** Known by name only to be refused: their results depend on the machine. */
function defineRelaxed(define: Define): void {
  const names = [
    'i8x16.relaxed_swizzle',
    of(
      'i32x4',
      'relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u relaxed_trunc_f64x2_s_zero relaxed_trunc_f64x2_u_zero',
    ),
    of('f32x4', 'relaxed_madd relaxed_nmadd'),
    of('f64x2', 'relaxed_madd relaxed_nmadd'),
    'i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect',
    of('f32x4', 'relaxed_min relaxed_max'),
    of('f64x2', 'relaxed_min relaxed_max'),
    'i16x8.relaxed_q15mulr_s i16x8.relaxed_dot_i8x16_i7x16_s i32x4.relaxed_dot_i8x16_i7x16_add_s',
  ];
  define(0xfd, 0x100, names.join(' '), 'vector', '', {
    refusal:
      'relaxed SIMD is not allowed: its results differ between machines, so a cast could not be replayed',
  });
}

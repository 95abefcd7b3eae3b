/**
 * How many operands more (or fewer) lie on the stack after an instruction, by its name. For calls, blocks and
 * structures of a size that only the module knows the caller counts itself; where a number here is not exact it is
 * too high, so that a frame is never weighed too light.
 */
export function stackEffect(name: string): number {
  return EFFECTS.get(name) ?? (UNARY.test(name) ? 0 : BINARY_EFFECT);
}

/** Whatever is not named below takes two numbers or vectors and gives one. */
const BINARY_EFFECT = -1;

const UNARY =
  /\.(eqz|clz|ctz|popcnt|abs|neg|ceil|floor|trunc|nearest|sqrt|wrap_\w+|extend\d*_\w+|trunc_\w+|convert_\w+|demote_\w+|promote_\w+|reinterpret_\w+|not|any_true|all_true|bitmask|splat|extract_lane\w*|extadd_\w+|extend_\w+|load\d*(x\d+)?(_[su]|_splat|_zero)?)$/;

const BY_EFFECT: readonly (readonly [effect: number, names: string])[] = [
  [1, 'i32.const i64.const f32.const f64.const v128.const local.get global.get memory.size table.size'],
  [1, 'ref.null ref.func'],
  [0, 'unreachable nop block loop try try_table else end catch catch_all delegate br return local.tee'],
  [0, 'call call_indirect call_ref return_call return_call_indirect return_call_ref rethrow'],
  [0, 'memory.grow table.get data.drop elem.drop ref.is_null ref.as_non_null br_on_null br_on_cast'],
  [0, 'br_on_cast_fail ref.i31'],
  [
    0,
    'ref.test ref.test_null ref.cast ref.cast_null any.convert_extern extern.convert_any i31.get_s i31.get_u',
  ],
  [-1, 'drop local.set global.set if br_if br_table throw throw_ref br_on_non_null table.grow'],
  [-2, 'select table.set v128.bitselect v128.store'],
  [-2, 'i32.store i64.store f32.store f64.store i32.store8 i32.store16 i64.store8 i64.store16 i64.store32'],
  [-2, 'v128.store8_lane v128.store16_lane v128.store32_lane v128.store64_lane'],
  [-3, 'memory.init memory.copy memory.fill table.init table.copy table.fill'],
];

const EFFECTS = new Map(
  BY_EFFECT.flatMap(([effect, names]) => names.split(' ').map((name): [string, number] => [name, effect])),
);

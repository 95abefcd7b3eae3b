/** Micros stand in 64-bit columns and are multiplied by fuel; a million dollars is beyond any price. */
const MAX_MICROS = 1_000_000_000_000n;

const MICRO_DECIMALS = 6;

const DECIMAL = /^(\d{1,16})(?:\.(\d{1,32}))?(?:[eE]([+-]?\d{1,2}))?$/;

/**
 * The micros in a decimal text, exactly: digits are moved, nothing is computed in floating point. An exponent is
 * read because programs write 0.000001 as 1e-06.
 */
export function microsFromDecimal(
  text: string,
): { ok: true; micros: bigint } | { ok: false; reason: string } {
  const match = DECIMAL.exec(text);
  if (match === null) return { ok: false, reason: 'must be a decimal amount in US dollars, like "0.25"' };
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const shift = MICRO_DECIMALS + Number(exponent) - fraction.length;
  if (shift < 0)
    return { ok: false, reason: `has more than ${MICRO_DECIMALS} decimals: the smallest amount is 0.000001` };
  const micros = BigInt(whole + fraction) * 10n ** BigInt(shift);
  if (micros > MAX_MICROS) return { ok: false, reason: 'is more than 1000000 US dollars' };
  return { ok: true, micros };
}

import { z } from 'zod';
import { microsFromDecimal } from './money-text.js';

const NO_MICROS = '0';

/** An amount as the maker wrote it. A number has been turned into its decimal text before it comes here. */
const amount = z.string().superRefine((text, context) => {
  const parsed = microsFromDecimal(text);
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.reason });
});

/** An amount that may be written out although the model has none: zero, and nothing else. */
const nothing = amount.refine((text) => Number(text) === 0, 'must be 0 or absent with this model').optional();

const free = z.strictObject({ model: z.literal('free'), price_usd: nothing, usd_per_gigafuel: nothing });
const flat = z.strictObject({ model: z.literal('flat'), price_usd: amount, usd_per_gigafuel: nothing });
const metered = z.strictObject({
  model: z.literal('metered'),
  price_usd: amount.optional(),
  usd_per_gigafuel: amount,
});

/** What a cast costs: `price_micros` for each cast, and `micros_per_gigafuel` for the fuel it uses. */
export const pricingSection = z
  .discriminatedUnion('model', [free, flat, metered])
  .default({ model: 'free' })
  .transform((pricing) => ({
    ...pricing,
    price_micros: 'price_usd' in pricing ? microsText(pricing.price_usd) : NO_MICROS,
    micros_per_gigafuel: 'usd_per_gigafuel' in pricing ? microsText(pricing.usd_per_gigafuel) : NO_MICROS,
  }));

/** Decimal text, because a manifest is stored as JSON and JSON has no exact large integers. */
function microsText(text: string | undefined): string {
  const parsed = microsFromDecimal(text ?? NO_MICROS);
  // `amount` has refused every other text, so the fallback only satisfies the types.
  return parsed.ok ? parsed.micros.toString() : NO_MICROS;
}

import { z } from 'zod';
import { RUN_LIMITS } from '../limits/index.js';
import { CAST_ERROR_CODES } from './cast.js';

/**
 * A receipt: what was cast, how it ended and what it cost, with all that proves it. This is its published form;
 * schema/receipt.schema.json is made from it. docs/receipts.md is the page for people.
 */

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const decimal = z.string().regex(/^(0|[1-9][0-9]{0,18})$/);
const count = z.int().min(0);
const id = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const instant = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const hash = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);

const limits = Object.fromEntries(
  RUN_LIMITS.map((row) => [
    row.key,
    row.key === 'maxFuel' ? decimal.describe('Fuel, decimal.') : count.describe(`Bounds ${row.covers}.`),
  ]),
) as Record<Exclude<(typeof RUN_LIMITS)[number]['key'], 'maxFuel'>, typeof count> & {
  maxFuel: typeof decimal;
};

const bytes = z.strictObject({ digest: digest.describe('SHA-256 of the bytes.'), bytes: count });

const content = z.strictObject({
  version: z.literal(1),
  castId: id,
  spell: z.strictObject({
    key: z.string().min(1),
    version: z.string().min(1),
    packageDigest: digest.describe('Of the package as it was published.'),
    moduleDigest: digest.describe('Of the module in the package.'),
    meteredDigest: digest.describe('Of the module as it ran, with its fuel gauge built in.'),
    costTable: count.describe('The version of the table that says what an instruction costs (docs/fuel.md).'),
  }),
  run: z.strictObject({
    mode: z
      .enum(['deterministic', 'real'])
      .describe('real: time and chance were the host’s; no replay can be the same.'),
    clockStartNs: decimal.describe('Where the guest’s clocks started: nanoseconds since 1970.'),
    randomSeed: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .describe('What its random bytes are a keystream of.'),
    argumentsDigest: digest.describe('Of argv as canonical JSON (RFC 8785).'),
    environmentDigest: digest.describe('Of the environment as a canonical JSON object.'),
    limits: z.strictObject(limits).describe('Milliseconds, bytes and counts, as docs/limits.md has them.'),
  }),
  input: bytes,
  output: bytes.nullable().describe('Null unless the cast succeeded.'),
  ending: z.strictObject({
    status: z.enum(['SUCCEEDED', 'FAILED', 'CANCELED']),
    errorCode: z.enum(CAST_ERROR_CODES).nullable(),
    exitCode: count.nullable().describe('What the guest itself ended with; null when it did not.'),
    fuelUsed: decimal.nullable().describe('Null when it never ran, or was killed before it could tell.'),
    memoryPeakBytes: count.nullable(),
    durationMs: count.nullable(),
    attempts: count.describe('How many workers had begun to run it.'),
  }),
  price: z.strictObject({
    pricing: z.strictObject({
      model: z.enum(['free', 'flat', 'metered']),
      priceMicros: decimal.describe('For each cast, in micros: 10⁻⁶ USD.'),
      microsPerGigafuel: decimal.describe('For 10⁹ fuel, in micros; the sum is rounded up once.'),
    }),
    heldMicros: decimal.describe('What was reserved: the price of all the fuel it could have used.'),
    costMicros: decimal.describe('What it cost.'),
  }),
  times: z.strictObject({ queuedAt: instant, startedAt: instant.nullable(), finishedAt: instant }),
});

export const receiptSchema = z.strictObject({
  version: z.literal(1),
  content: content.describe('What happened. Everything else proves it.'),
  ledger: z.strictObject({
    origin: z.string().min(1).describe('The name of the log.'),
    sequence: count.describe('The place of the entry in the log.'),
    leaf: z.string().min(1).describe('The entry as it was hashed: canonical JSON (RFC 8785).'),
    opening: z
      .strictObject({ salt: hash, accountId: id, subject: z.string().min(1) })
      .describe(
        'The commitment in the leaf is SHA-256(salt || canonical JSON of {accountId, subject, content}), in hex.',
      ),
    inclusionProof: z
      .strictObject({ treeSize: count, hashes: z.array(hash).max(64) })
      .describe('The way from the leaf to the root, from the bottom up (RFC 9162, section 2.1.3).'),
    checkpoint: z.string().min(1).describe('The signed state of the log (C2SP tlog-checkpoint).'),
  }),
  keys: z
    .array(z.string().min(1))
    .min(1)
    .max(16)
    .describe(
      'Verifier keys (C2SP signed-note) of the signatures in here. Believe those that you have from elsewhere.',
    ),
  signature: z
    .strictObject({
      keyId: z
        .string()
        .regex(/^[0-9a-f]{8}$/)
        .describe('Which of the keys.'),
      value: base64.length(88),
    })
    .describe('Ed25519 over the canonical JSON (RFC 8785) of the receipt without this member.'),
});

export type Receipt = z.infer<typeof receiptSchema>;
export type ReceiptContent = Receipt['content'];

/** The kind of fact that a receipt is of, in the ledger. */
export const RECEIPT_FACT = 'cast.settled';

/** The published schema (JSON Schema 2020-12). */
export function describeReceipt(): object {
  const { $schema, ...schema } = z.toJSONSchema(receiptSchema);
  return { $schema, title: 'Receipt of a cast', ...schema };
}

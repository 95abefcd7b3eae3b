import semver from 'semver';
import { z } from 'zod';
import { pricingSection } from './manifest-pricing.js';
import { runtimeSection } from './manifest-runtime.js';

const KEY = /^[a-z0-9]+(?:[-_]+[a-z0-9]+)*(?:\.[a-z0-9]+(?:[-_]+[a-z0-9]+)*)+$/;
const TAG = /^[a-z0-9]+(?:-+[a-z0-9]+)*$/;

const text = (maxCharacters: number) => z.string().trim().min(1).max(maxCharacters);

/** Other schemes, `javascript:` first, would be links in the console and in the catalogue. */
const webAddress = z.url({ protocol: /^https?$/ }).max(512);

const version = z
  .string()
  .max(64)
  .refine(
    (value) => semver.valid(value) === value,
    // Two versions that differ in build metadata only would be equal to every range.
    'must be a semantic version like 1.2.3 or 1.2.3-beta.1, without "v" and without build metadata',
  );

const spellSection = z.strictObject({
  key: z.string().max(128).regex(KEY, 'must be a reverse domain name in lower case, like com.acme.resize'),
  name: text(128).optional(),
  version,
  description: text(2048).optional(),
  license: text(256).optional(),
  homepage: webAddress.optional(),
  repository: webAddress.optional(),
  authors: z.array(text(128)).max(16).default([]),
  tags: z.array(z.string().max(32).regex(TAG, 'must be lower case words joined by "-"')).max(16).default([]),
});

const format = z.enum(['json', 'text', 'bytes']);

/** Information for people and scanners: nothing here changes how a spell runs, hence any JSON. */
const information = z.record(z.string(), z.unknown()).default({});

/** Unknown keys are problems: a setting that nobody reads would be a promise that nobody keeps. */
export const manifestSchema = z.strictObject({
  spell: spellSection,
  runtime: runtimeSection,
  io: z.strictObject({ input_format: format, output_format: format }),
  pricing: pricingSection,
  supply_chain: information,
  metadata: information,
});

/** A manifest with its defaults applied, safe to store as JSON. */
export type SpellManifest = z.output<typeof manifestSchema>;

import { MAX_MANIFEST_BYTES } from './limits.js';
import { manifestSchema, type SpellManifest } from './manifest.js';
import type { Part } from './package-problem.js';
import { isJsonObject, parseJsonDocument, parseTomlDocument, type JsonObject } from './parse-document.js';
import { zodProblems } from './zod-problems.js';

const MONEY_KEYS: readonly string[] = ['price_usd', 'usd_per_gigafuel'];

/** The manifest of a package, from `manifest.json` or `manifest.toml`, or all that is wrong with it. */
export function readManifest(path: string, bytes: Uint8Array): Part<SpellManifest> {
  const parse = path.endsWith('.toml') ? parseTomlDocument : parseJsonDocument;
  const document = parse(path, bytes, MAX_MANIFEST_BYTES);
  if (!document.ok) return document;
  const { value, text } = document.value;
  const exact = path.endsWith('.toml') ? value : withMoneyAsWritten(value, text);
  const parsed = manifestSchema.safeParse(withMoneyAsText(exact));
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, problems: zodProblems(path, parsed.error) };
}

/** JSON numbers are read as doubles, which round: the digits of a price are taken from the source instead. */
function withMoneyAsWritten(manifest: JsonObject, text: string): JsonObject {
  const written = JSON.parse(text, (key: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && MONEY_KEYS.includes(key) ? (context?.source ?? value) : value,
  ) as JsonObject;
  return { ...manifest, pricing: written['pricing'] };
}

/**
 * TOML numbers arrive as doubles. Their shortest decimal is what was written as long as that had at most
 * fifteen digits; a maker who needs more writes the amount in quotes.
 */
function withMoneyAsText(manifest: JsonObject): JsonObject {
  const { pricing } = manifest;
  if (!isJsonObject(pricing)) return manifest;
  const amounts = Object.entries(pricing).map(([key, value]) =>
    MONEY_KEYS.includes(key) && typeof value === 'number' ? [key, String(value)] : [key, value],
  );
  return { ...manifest, pricing: Object.fromEntries(amounts) as JsonObject };
}

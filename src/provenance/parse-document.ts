import { parse as parseToml } from 'smol-toml';
import { isStorable } from '../platform/offline.js';
import { MAX_JSON_DEPTH, MAX_JSON_NODES } from './limits.js';
import { errorText, joinPath, type PackageProblem, type Part } from './package-problem.js';

export type JsonObject = Record<string, unknown>;

export type ParsedDocument = Part<{ value: JsonObject; text: string }>;

/** A JSON object from an entry of a package; everything after this can trust its depth and its strings. */
export function parseJsonDocument(path: string, bytes: Uint8Array, maxBytes: number): ParsedDocument {
  return parseDocument(path, bytes, maxBytes, (text) => JSON.parse(text) as unknown);
}

/** The same from TOML; dates become the text that JSON would hold. */
export function parseTomlDocument(path: string, bytes: Uint8Array, maxBytes: number): ParsedDocument {
  return parseDocument(path, bytes, maxBytes, (text) => {
    const table = parseToml(text, { maxDepth: MAX_JSON_DEPTH, unsafeKeyBehaviour: 'throw' });
    return JSON.parse(JSON.stringify(table)) as unknown;
  });
}

function parseDocument(
  path: string,
  bytes: Uint8Array,
  maxBytes: number,
  parse: (text: string) => unknown,
): ParsedDocument {
  const refuse = (reason: string): ParsedDocument => ({ ok: false, problems: [{ path, reason }] });
  if (bytes.byteLength > maxBytes) return refuse(`larger than ${maxBytes} bytes`);
  try {
    const text = decodeUtf8(bytes);
    const value = parse(text);
    const fault = jsonFault(path, value);
    if (fault !== null) return { ok: false, problems: [fault] };
    return isJsonObject(value) ? { ok: true, value: { value, text } } : refuse('must be an object');
  } catch (error) {
    return refuse(`cannot be read: ${errorText(error)}`);
  }
}

/** Throws on bytes that are not UTF-8, instead of replacing them. */
export function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The first thing in a JSON value that a later reader could stumble over: depth (recursion), size (a library that
 * makes an object per fault), `__proto__` (object merges), and characters that Postgres cannot store.
 */
export function jsonFault(path: string, root: unknown): PackageProblem | null {
  let nodes = 0;
  const visit = (value: unknown, keys: readonly string[]): PackageProblem | null => {
    nodes += 1;
    if (nodes > MAX_JSON_NODES) return { path, reason: `holds more than ${MAX_JSON_NODES} values` };
    if (keys.length > MAX_JSON_DEPTH) return { path, reason: `nested deeper than ${MAX_JSON_DEPTH} levels` };
    if (typeof value === 'string') return isStorable(value) ? null : unstorable(joinPath(path, keys));
    if (typeof value !== 'object' || value === null) return null;
    for (const key of Object.keys(value)) {
      if (!isStorable(key)) return unstorable(joinPath(path, keys));
      if (key === '__proto__') return { path: joinPath(path, keys), reason: 'has a key "__proto__"' };
      const fault = visit((value as JsonObject)[key], [...keys, key]);
      if (fault !== null) return fault;
    }
    return null;
  };
  return visit(root, []);
}

export function unstorable(path: string): PackageProblem {
  return { path, reason: 'contains a NUL character or a broken Unicode pair' };
}

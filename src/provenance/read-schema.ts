import { compileInputSchema } from './input-schema.js';
import { MAX_SCHEMA_BYTES } from './limits.js';
import { errorText, joinPath, type PackageProblem, type Part } from './package-problem.js';
import { isJsonObject, parseJsonDocument, type JsonObject } from './parse-document.js';

const PATH = 'schema.json';

const REFERENCE_KEYS: readonly string[] = ['$ref', '$dynamicRef', '$recursiveRef'];

/** The input schema of a package, compiled once to prove that it can be. */
export function readSchema(bytes: Uint8Array): Part<JsonObject> {
  const document = parseJsonDocument(PATH, bytes, MAX_SCHEMA_BYTES);
  if (!document.ok) return document;
  const schema = document.value.value;
  const problems = remoteReferences(PATH, schema);
  if (problems.length > 0) return { ok: false, problems };
  try {
    compileInputSchema(schema);
    return { ok: true, value: schema };
  } catch (error) {
    return { ok: false, problems: [{ path: PATH, reason: errorText(error) }] };
  }
}

/** A schema must mean the same for ever, so it may refer to nothing outside itself. The depth is bounded already. */
function remoteReferences(path: string, node: unknown): PackageProblem[] {
  if (Array.isArray(node))
    return node.flatMap((item, index) => remoteReferences(joinPath(path, [index]), item));
  if (!isJsonObject(node)) return [];
  return Object.entries(node).flatMap(([key, value]) => {
    const place = joinPath(path, [key]);
    if (!REFERENCE_KEYS.includes(key) || typeof value !== 'string') return remoteReferences(place, value);
    return value.startsWith('#')
      ? []
      : [{ path: place, reason: `"${value}" lies outside the schema: only "#…" can be referred to` }];
  });
}

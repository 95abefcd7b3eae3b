import { isStorable } from '../platform/offline.js';
import { agreementProblems } from './agreement.js';
import { MAX_TEXT_BYTES } from './limits.js';
import type { SpellManifest } from './manifest.js';
import { checkContents, MODULE_ENTRY, RESOURCES, SCHEMA_ENTRY } from './package-contents.js';
import { errorText, type PackageProblem, type Part } from './package-problem.js';
import { decodeUtf8, unstorable } from './parse-document.js';
import { readManifest } from './read-manifest.js';
import { readSchema } from './read-schema.js';
import { readSbom, type Sbom } from './sbom.js';

export interface PackageParts {
  manifest: SpellManifest;
  inputSchema: object | null;
  sbom: Sbom;
  wasm: Buffer;
  /** Keys are relative to `resources/`. */
  resources: ReadonlyMap<string, Buffer>;
  readme: string | null;
  license: string | null;
}

/** Reads every part of a package, also when an earlier one is wrong, so that a maker hears of all at once. */
export async function readParts(contents: ReadonlyMap<string, Buffer>): Promise<Part<PackageParts>> {
  const { manifestPath, sbomPath, problems } = checkContents(contents);
  const bytesOf = (path: string): Buffer => contents.get(path) ?? Buffer.alloc(0);
  const take = <T>(part: Part<T>): T | null => {
    if (part.ok) return part.value;
    problems.push(...part.problems);
    return null;
  };
  const manifest = manifestPath === null ? null : take(readManifest(manifestPath, bytesOf(manifestPath)));
  const sbom = sbomPath === null ? null : take(await readSbom(sbomPath, bytesOf(sbomPath)));
  const inputSchema = contents.has(SCHEMA_ENTRY) ? take(readSchema(bytesOf(SCHEMA_ENTRY))) : null;
  const readme = take(readText('README.md', contents));
  const license = take(readText('LICENSE', contents));
  if (manifest !== null) problems.push(...agreementProblems(manifestPath ?? '', manifest, contents));
  // What is missing has its problem already; the test for null is for the types.
  if (problems.length > 0 || manifest === null || sbom === null) return { ok: false, problems };
  const wasm = bytesOf(MODULE_ENTRY);
  return {
    ok: true,
    value: { manifest, inputSchema, sbom, wasm, resources: resourcesOf(contents), readme, license },
  };
}

function resourcesOf(contents: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  const resources = [...contents].filter(([path]) => path.startsWith(RESOURCES));
  return new Map(resources.map(([path, bytes]) => [path.slice(RESOURCES.length), bytes]));
}

function readText(path: string, contents: ReadonlyMap<string, Buffer>): Part<string | null> {
  const refuse = (reason: string): { ok: false; problems: PackageProblem[] } => ({
    ok: false,
    problems: [{ path, reason }],
  });
  const bytes = contents.get(path);
  if (bytes === undefined) return { ok: true, value: null };
  if (bytes.byteLength > MAX_TEXT_BYTES) return refuse(`larger than ${MAX_TEXT_BYTES} bytes`);
  try {
    const text = decodeUtf8(bytes);
    return isStorable(text) ? { ok: true, value: text } : { ok: false, problems: [unstorable(path)] };
  } catch (error) {
    return refuse(errorText(error));
  }
}

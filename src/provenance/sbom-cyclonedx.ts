import { Version } from '@cyclonedx/cyclonedx-library/Spec';
import { JsonStrictValidator } from '@cyclonedx/cyclonedx-library/Validation';
import { errorText, type PackageProblem, type Part } from './package-problem.js';
import { isJsonObject, type JsonObject } from './parse-document.js';
import type { CheckedSbom } from './checked-sbom.js';

/** One validator for each version for the life of the process: building one compiles a schema of 5,000 lines. */
const VALIDATORS: ReadonlyMap<unknown, JsonStrictValidator> = new Map(
  [Version.v1dot4, Version.v1dot5, Version.v1dot6].map((version) => [
    version,
    new JsonStrictValidator(version),
  ]),
);

/**
 * The schema demands unique items in most lists, and the validator compares every pair. This many are 1,400 components
 * in one list, far more than any module is made of, and take between half a second and two.
 */
const MAX_ITEM_PAIRS = 1_000_000;

/** CycloneDX 1.4 to 1.6 in JSON, by the strict schema of the project itself. */
export async function checkCycloneDx(
  path: string,
  document: JsonObject,
  text: string,
): Promise<Part<CheckedSbom>> {
  const version = document['specVersion'];
  const validator = VALIDATORS.get(version);
  if (document['bomFormat'] !== 'CycloneDX' || validator === undefined) {
    return { ok: false, problems: [{ path, reason: 'must be CycloneDX 1.4, 1.5 or 1.6' }] };
  }
  if (countItemPairs(document) > MAX_ITEM_PAIRS) {
    return { ok: false, problems: [{ path, reason: 'has lists too long to be compared item by item' }] };
  }
  const problems = await schemaProblems(path, validator, text);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: { version: String(version), componentCount: countComponents(document) } };
}

async function schemaProblems(
  path: string,
  validator: JsonStrictValidator,
  text: string,
): Promise<PackageProblem[]> {
  const found: unknown = await validator.validate(text);
  if (found === null) return [];
  const errors: unknown[] = Array.isArray(found) ? found : [found];
  return errors.map((error) => {
    if (!isJsonObject(error)) return { path, reason: errorText(error) };
    const { instancePath, message } = error;
    return {
      path: typeof instancePath === 'string' ? `${path}${instancePath}` : path,
      reason: typeof message === 'string' ? message : 'is not valid',
    };
  });
}

function countItemPairs(node: unknown): number {
  if (typeof node !== 'object' || node === null) return 0;
  const children: unknown[] = Object.values(node);
  const own = Array.isArray(node) ? node.length ** 2 / 2 : 0;
  return children.reduce((total: number, child) => total + countItemPairs(child), own);
}

/** Components hold components; what the SBOM is about (`metadata.component`) is not a part of itself. */
function countComponents(holder: JsonObject): number {
  const components = holder['components'];
  if (!Array.isArray(components)) return 0;
  return components
    .filter(isJsonObject)
    .reduce((total, component) => total + 1 + countComponents(component), 0);
}

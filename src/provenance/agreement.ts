import type { SpellManifest } from './manifest.js';
import { RESOURCES, SCHEMA_ENTRY } from './package-contents.js';
import { joinPath, type PackageProblem } from './package-problem.js';
import { declaredArguments, declaredEnvironment, declaredLimits, readableResources } from './run-settings.js';

/** Where the manifest and the other entries contradict each other. */
export function agreementProblems(
  manifestPath: string,
  manifest: SpellManifest,
  contents: ReadonlyMap<string, Buffer>,
): PackageProblem[] {
  return [
    ...schemaProblems(manifest.io.input_format, contents.has(SCHEMA_ENTRY)),
    ...readableProblems(manifestPath, manifest.runtime.policy.fs_read, [...contents.keys()]),
    ...sizeProblems(manifestPath, manifest, contents),
  ];
}

/** A cast id of the length that all have. */
const ANY_CAST_ID = '00000000-0000-0000-0000-000000000000';

/** What is the same in every cast is measured here, against the limits of the manifest itself. */
function sizeProblems(
  manifestPath: string,
  manifest: SpellManifest,
  contents: ReadonlyMap<string, Buffer>,
): PackageProblem[] {
  const limits = declaredLimits(manifest);
  const variables = Object.entries(declaredEnvironment(manifest, ANY_CAST_ID));
  const files = [...contents].filter(([path]) => path.startsWith(RESOURCES));
  const seen = readableResources(
    manifest,
    new Map(files.map(([path, bytes]) => [path.slice(RESOURCES.length), bytes])),
  );
  const resourceBytes = [...seen.values()].reduce((total, bytes) => total + bytes.length, 0);
  const problems: PackageProblem[] = [];
  const measure = (path: readonly string[], size: number, most: number, what: string): void => {
    if (size <= most) return;
    const place = joinPath(manifestPath, ['runtime', ...path]);
    problems.push({
      path: place,
      reason: `all together may have at most ${most} ${what}, and ${size} are there`,
    });
  };
  const withNul = 'bytes, with a NUL after each';
  measure(['args'], terminatedBytes(declaredArguments(manifest).slice(1)), limits.maxArgumentBytes, withNul);
  const environmentBytes = terminatedBytes(variables.map(([name, value]) => `${name}=${value}`));
  measure(['policy', 'env_vars'], environmentBytes, limits.maxEnvironmentBytes, withNul);
  measure(['policy', 'fs_read'], resourceBytes, limits.maxResourceBytes, 'bytes');
  measure(['policy', 'fs_read'], seen.size, limits.maxResourceFiles, 'files');
  return problems;
}

function terminatedBytes(texts: readonly string[]): number {
  return texts.reduce((total, text) => total + Buffer.byteLength(text) + 1, 0);
}

/** A JSON input is checked before it costs anything; text and bytes have nothing that a schema could check. */
function schemaProblems(
  inputFormat: SpellManifest['io']['input_format'],
  hasSchema: boolean,
): PackageProblem[] {
  if (inputFormat === 'json' && !hasSchema) {
    return [{ path: SCHEMA_ENTRY, reason: 'is missing: it is required when io.input_format is "json"' }];
  }
  return [];
}

/** A permission for a file that does not exist is a mistake, and the maker would learn of it at the first cast. */
function readableProblems(
  manifestPath: string,
  readable: readonly string[],
  paths: readonly string[],
): PackageProblem[] {
  return readable.flatMap((path, index) => {
    const entry = path.slice(1);
    const exists =
      `${entry}/` === RESOURCES || paths.some((name) => name === entry || name.startsWith(`${entry}/`));
    if (exists) return [];
    const place = joinPath(manifestPath, ['runtime', 'policy', 'fs_read', index]);
    return [{ path: place, reason: `there is nothing at ${path} in this package` }];
  });
}

import type { SpellManifest } from './manifest.js';
import { RESOURCES, SCHEMA_ENTRY } from './package-contents.js';
import { joinPath, type PackageProblem } from './package-problem.js';

/** Where the manifest and the other entries contradict each other. */
export function agreementProblems(
  manifestPath: string,
  manifest: SpellManifest,
  contents: ReadonlyMap<string, Buffer>,
): PackageProblem[] {
  return [
    ...schemaProblems(manifest.io.input_format, contents.has(SCHEMA_ENTRY)),
    ...readableProblems(manifestPath, manifest.runtime.policy.fs_read, [...contents.keys()]),
  ];
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

import type { PackageProblem } from './package-problem.js';
import { CYCLONEDX_ENTRY, SPDX_ENTRY } from './sbom.js';

export const MODULE_ENTRY = 'spell.wasm';
export const SCHEMA_ENTRY = 'schema.json';
export const RESOURCES = 'resources/';

const MANIFEST_ENTRIES: readonly string[] = ['manifest.json', 'manifest.toml'];
const SBOM_ENTRIES: readonly string[] = [SPDX_ENTRY, CYCLONEDX_ENTRY];
const OTHER_ENTRIES: readonly string[] = [MODULE_ENTRY, SCHEMA_ENTRY, 'README.md', 'LICENSE'];

/** The magic and the version of a core module; a component has the same magic and another version. */
const MODULE_START = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

/** Whether bytes begin as a module does; what follows is for the sandbox to judge. */
export function isCoreModule(bytes: Buffer): boolean {
  return bytes.subarray(0, MODULE_START.byteLength).equals(MODULE_START);
}

/** Whether an entry of this name belongs into a package. */
export function isPackageEntry(path: string): boolean {
  const names = [...MANIFEST_ENTRIES, ...SBOM_ENTRIES, ...OTHER_ENTRIES];
  return names.includes(path) || path.startsWith(RESOURCES);
}

export interface PackageContents {
  manifestPath: string | null;
  sbomPath: string | null;
  problems: PackageProblem[];
}

/** Which manifest and which SBOM a package has, and what it has too much or too little. */
export function checkContents(contents: ReadonlyMap<string, Buffer>): PackageContents {
  const manifest = oneOf(contents, MANIFEST_ENTRIES);
  const sbom = oneOf(contents, SBOM_ENTRIES);
  const unknown = [...contents.keys()].filter((path) => !isPackageEntry(path));
  const problems = [
    ...manifest.problems,
    ...sbom.problems,
    ...unknown.map((path) => ({
      path,
      reason: 'does not belong into a package; data files live in resources/',
    })),
    ...moduleProblems(contents.get(MODULE_ENTRY)),
  ];
  return { manifestPath: manifest.path, sbomPath: sbom.path, problems };
}

/** Two manifests could say two things, and a reader of one would miss the other. */
function oneOf(
  contents: ReadonlyMap<string, Buffer>,
  paths: readonly string[],
): { path: string | null; problems: PackageProblem[] } {
  const [path = null, second] = paths.filter((candidate) => contents.has(candidate));
  if (path === null)
    return { path, problems: [{ path: paths.join('|'), reason: 'is missing: one of them is required' }] };
  if (second === undefined) return { path, problems: [] };
  return { path, problems: [{ path: second, reason: `stands beside ${path}: only one of them is allowed` }] };
}

function moduleProblems(wasm: Buffer | undefined): PackageProblem[] {
  if (wasm === undefined) return [{ path: MODULE_ENTRY, reason: 'is missing' }];
  if (isCoreModule(wasm)) return [];
  return [{ path: MODULE_ENTRY, reason: 'is not a WebAssembly core module (a component cannot be run)' }];
}

/**
 * The room that says whether a package may be trusted: data in, verdict out.
 *
 * package: the tar that a maker publishes · canonical: the one byte form of its entries · manifest: what the maker
 * declares · SBOM: what the module is made of · bundle: the Sigstore signature that travels beside the package ·
 * problem: one reason to refuse · warning: something a reader should know about a package that is accepted.
 */
export { checkBundle, type CheckedBundle } from './bundle.js';
export { sha256Digest } from './digest.js';
export { compileInputSchema, type InputCheck } from './input-schema.js';
export type { SpellManifest } from './manifest.js';
export { packFolder } from './pack-folder.js';
export type { PackageProblem } from './package-problem.js';
export { readPackage, type ReadPackage, type SpellPackage } from './read-package.js';
export {
  declaredArguments,
  declaredEnvironment,
  declaredLimits,
  declaredMode,
  readableResources,
} from './run-settings.js';
export type { Sbom } from './sbom.js';
export { writePackage } from './write-package.js';

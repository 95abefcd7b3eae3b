import { checkCanonicalForm } from './canonical-form.js';
import { sha256Digest } from './digest.js';
import { MAX_PROBLEMS } from './limits.js';
import { isCoreModule, MODULE_ENTRY } from './package-contents.js';
import type { PackageProblem } from './package-problem.js';
import { readParts, type PackageParts } from './read-parts.js';
import { readTar, type TarEntry } from './read-tar.js';

export interface SpellPackage extends PackageParts {
  /** `sha256:<hex>` of the whole tar: what the bundle signs. */
  digest: string;
}

export type ReadPackage =
  | { ok: true; package: SpellPackage; warnings: string[] }
  | {
      ok: false;
      problems: PackageProblem[];
      /** The module of a refused package, so that a caller can say at once what is wrong with that too. */
      wasm?: Buffer;
    };

const OTHER_SPELLING = 'the tar was not written by `spell pack`, which gives the same files another digest';

/** A package from its bytes, or everything that is wrong with it at once. Never throws on bad bytes. */
export async function readPackage(tar: Uint8Array): Promise<ReadPackage> {
  const archive = await readTar(tar);
  if (archive.entries.length === 0 && archive.problems.length > 0) return refuse(archive.problems);
  // An archive that is wrong already is not canonical, and would only be said to be wrong twice.
  const form = archive.problems.length === 0 ? checkCanonicalForm(asBuffer(tar), archive.entries) : null;
  const contents = contentsOf(archive.entries);
  const parts = await readParts(contents);
  const problems = [...archive.problems, ...(form?.problems ?? []), ...(parts.ok ? [] : parts.problems)];
  if (problems.length > 0 || !parts.ok) return refuse(problems, contents.get(MODULE_ENTRY));
  const warnings = form?.sameBytes === true ? [] : [OTHER_SPELLING];
  if (parts.value.sbom.componentCount === 0) warnings.push('the SBOM lists no components');
  return { ok: true, package: { digest: sha256Digest(tar), ...parts.value }, warnings };
}

function refuse(problems: readonly PackageProblem[], wasm?: Buffer): ReadPackage {
  const refusal = { ok: false, problems: problems.slice(0, MAX_PROBLEMS) } as const;
  // What is no module at all has its problem already.
  return wasm !== undefined && isCoreModule(wasm) ? { ...refusal, wasm } : refusal;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function contentsOf(entries: readonly TarEntry[]): Map<string, Buffer> {
  const files = entries.filter(({ header }) => header.type === 'file');
  return new Map(files.map(({ header, bytes }) => [header.name, bytes]));
}

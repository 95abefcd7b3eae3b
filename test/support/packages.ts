import wabtInit from 'wabt';
import { writePackage } from '../../src/provenance/index.js';
import { GUESTS, type GuestName } from './guests.js';

/** Something a module is made of, as its SBOM names it. */
export interface SbomPart {
  name: string;
  version: string;
  license: string;
  /** A package URL, if there is one. */
  purl?: string;
}

export interface PackageOptions {
  key?: string;
  version?: string;
  license?: string;
  /** What the module is made of, the module itself first. */
  parts?: readonly SbomPart[];
  /** A guest of ours by name, or any module as bytes. */
  guest?: GuestName;
  wasm?: Uint8Array;
  input?: 'json' | 'text' | 'bytes';
  output?: 'json' | 'text' | 'bytes';
  schema?: object;
  runtime?: Record<string, unknown>;
  pricing?: Record<string, unknown>;
  tags?: string[];
  resources?: Record<string, string | Uint8Array>;
  /** Replaces or removes (null) any entry at the end, for packages that must be refused. */
  entries?: Record<string, Uint8Array | string | null>;
}

const wabt = await wabtInit();
const FEATURES = {
  bulk_memory: true,
  exceptions: true,
  multi_value: true,
  mutable_globals: true,
  reference_types: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  tail_call: true,
};
const compiled = new Map<GuestName, Uint8Array>();

/** A module from its text. */
export function assemble(wat: string): Uint8Array {
  const module = wabt.parseWat('guest.wat', wat, FEATURES);
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

export function guestModule(name: GuestName): Uint8Array {
  const known = compiled.get(name) ?? assemble(GUESTS[name]);
  compiled.set(name, known);
  return known;
}

/** A canonical package around a guest, valid unless the options say otherwise. */
export async function buildPackage(options: PackageOptions): Promise<Buffer> {
  const entries = new Map<string, Uint8Array>();
  const add = (name: string, content: Uint8Array | string) =>
    entries.set(name, Buffer.from(content as string));
  add('manifest.json', JSON.stringify(buildManifest(options)));
  add('spell.wasm', options.wasm ?? guestModule(options.guest ?? 'echo'));
  add('sbom.spdx.json', JSON.stringify(buildSbom(options.parts ?? [GUEST_PART])));
  const schema = options.schema ?? (options.input === 'json' ? {} : undefined);
  if (schema !== undefined) add('schema.json', JSON.stringify(schema));
  for (const [path, content] of Object.entries(options.resources ?? {})) add(`resources/${path}`, content);
  for (const [name, content] of Object.entries(options.entries ?? {})) {
    if (content === null) entries.delete(name);
    else add(name, content);
  }
  return writePackage(entries);
}

export function buildManifest(options: PackageOptions): Record<string, unknown> {
  return {
    spell: {
      key: options.key ?? 'com.example.guest',
      name: 'Guest',
      version: options.version ?? '1.0.0',
      description: 'A guest of the tests.',
      license: options.license ?? 'Apache-2.0',
      tags: options.tags ?? [],
    },
    runtime: {
      policy: { fs_read: options.resources === undefined ? [] : ['/resources'] },
      ...options.runtime,
    },
    io: { input_format: options.input ?? 'text', output_format: options.output ?? 'text' },
    pricing: options.pricing ?? { model: 'free' },
  };
}

const GUEST_PART: SbomPart = { name: 'guest', version: '1.0.0', license: 'Apache-2.0' };

/** SPDX 2.3: the document describes the first part, which contains the others. */
function buildSbom(parts: readonly SbomPart[]): object {
  const idOf = (index: number) => `SPDXRef-Package-${index}`;
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: parts[0]?.name,
    documentNamespace: `https://example.com/spdx/${parts[0]?.name}`,
    creationInfo: { created: '2026-01-01T00:00:00Z', creators: ['Tool: tests'] },
    packages: parts.map(({ name, version, license, purl }, index) => ({
      name,
      SPDXID: idOf(index),
      versionInfo: version,
      downloadLocation: 'NOASSERTION',
      filesAnalyzed: false,
      licenseConcluded: license,
      licenseDeclared: license,
      copyrightText: 'NOASSERTION',
      externalRefs:
        purl === undefined
          ? []
          : [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
    })),
    relationships: parts.map((_, index) => ({
      spdxElementId: index === 0 ? 'SPDXRef-DOCUMENT' : idOf(0),
      relatedSpdxElement: idOf(index),
      relationshipType: index === 0 ? 'DESCRIBES' : 'CONTAINS',
    })),
  };
}

import {
  readPackage,
  writePackage,
  type PackageProblem,
  type SpellPackage,
} from '../../src/provenance/index.js';

/** The smallest module: magic and version. */
export const WASM = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

export const MANIFEST = {
  spell: {
    key: 'com.acme.resize',
    name: 'Resize',
    version: '1.2.3',
    description: 'Makes images smaller.',
    license: 'Apache-2.0',
  },
  io: { input_format: 'json', output_format: 'bytes' },
};

export const SCHEMA = {
  type: 'object',
  properties: { width: { type: 'integer', minimum: 1 } },
  required: ['width'],
  additionalProperties: false,
};

export const SPDX = {
  spdxVersion: 'SPDX-2.3',
  dataLicense: 'CC0-1.0',
  SPDXID: 'SPDXRef-DOCUMENT',
  name: 'resize',
  documentNamespace: 'https://acme.example/spdx/resize-1.2.3',
  creationInfo: { created: '2026-11-22T07:44:37Z', creators: ['Tool: make-1'] },
  packages: [
    {
      SPDXID: 'SPDXRef-Package-resize',
      name: 'resize',
      versionInfo: '1.2.3',
      downloadLocation: 'NOASSERTION',
      externalRefs: [
        {
          referenceCategory: 'PACKAGE_MANAGER',
          referenceType: 'purl',
          referenceLocator: 'pkg:cargo/resize@1.2.3',
        },
        {
          referenceCategory: 'PACKAGE-MANAGER',
          referenceType: 'purl',
          referenceLocator: 'pkg:cargo/resize@1.2.3',
        },
      ],
    },
  ],
  relationships: [
    {
      spdxElementId: 'SPDXRef-DOCUMENT',
      relationshipType: 'DESCRIBES',
      relatedSpdxElement: 'SPDXRef-Package-resize',
    },
  ],
};

export const CYCLONEDX = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  components: [
    { type: 'library', name: 'outer', components: [{ type: 'library', name: 'inner', version: '1.0.0' }] },
  ],
};

/** What an entry of a test package holds: bytes, text, JSON for an object, or nothing to leave the entry out. */
export type Content = Buffer | string | object | null;

/** The entries of a good package with some of them replaced. */
export function entriesWith(changes: Record<string, Content> = {}): Map<string, Buffer> {
  const entries: Record<string, Content> = {
    'manifest.json': MANIFEST,
    'spell.wasm': WASM,
    'schema.json': SCHEMA,
    'sbom.spdx.json': SPDX,
    'README.md': '# Resize\n',
    'resources/a.txt': 'a',
    'resources/b/c.txt': 'c',
    ...changes,
  };
  const kept = Object.entries(entries).filter(([, content]) => content !== null);
  return new Map(kept.map(([path, content]) => [path, toBuffer(content)]));
}

function toBuffer(content: Content): Buffer {
  if (Buffer.isBuffer(content)) return content;
  return Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
}

export function packageWith(changes: Record<string, Content> = {}): Buffer {
  return writePackage(entriesWith(changes));
}

export async function accepted(tar: Uint8Array): Promise<{ package: SpellPackage; warnings: string[] }> {
  const read = await readPackage(tar);
  if (!read.ok) throw new Error(`refused: ${JSON.stringify(read.problems)}`);
  return { package: read.package, warnings: read.warnings };
}

export async function refused(tar: Uint8Array): Promise<PackageProblem[]> {
  const read = await readPackage(tar);
  if (read.ok) throw new Error('accepted');
  return read.problems;
}

/** Problems as one line each, which is how tests compare them. */
export function lines(problems: readonly PackageProblem[]): string[] {
  return problems.map(({ path, reason }) => `${path}: ${reason}`);
}

/** A good manifest with some sections changed. */
export function manifestWith(changes: Record<string, unknown>): object {
  return { ...MANIFEST, ...changes };
}

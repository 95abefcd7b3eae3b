import { z } from 'zod';
import type { Part } from './package-problem.js';
import type { JsonObject } from './parse-document.js';
import { zodProblems } from './zod-problems.js';
import type { CheckedSbom } from './checked-sbom.js';

/** Version 2.3 writes PACKAGE-MANAGER, 2.2 writes PACKAGE_MANAGER, and real files of both versions mix the two. */
const REFERENCE_CATEGORIES = [
  'SECURITY',
  'PACKAGE-MANAGER',
  'PACKAGE_MANAGER',
  'PERSISTENT-ID',
  'PERSISTENT_ID',
  'OTHER',
] as const;

const filled = z.string().min(1);
const identifier = z
  .string()
  .regex(/^SPDXRef-[A-Za-z0-9.-]+$/, 'must be "SPDXRef-" and letters, digits, "." or "-"');

const externalReference = z.looseObject({
  referenceCategory: z.enum(REFERENCE_CATEGORIES),
  referenceType: filled,
  referenceLocator: filled,
});

const spdxPackage = z.looseObject({
  SPDXID: identifier,
  name: filled,
  downloadLocation: filled,
  versionInfo: z.string().optional(),
  licenseConcluded: z.string().optional(),
  licenseDeclared: z.string().optional(),
  checksums: z.array(z.looseObject({ algorithm: filled, checksumValue: filled })).optional(),
  externalRefs: z.array(externalReference).optional(),
});

const relationship = z.looseObject({
  spdxElementId: filled,
  relatedSpdxElement: filled,
  relationshipType: filled,
});

/** The fields that SPDX 2 requires, and those that advisories are looked up by; the rest is left as it is. */
const spdxDocument = z.looseObject({
  spdxVersion: z.enum(['SPDX-2.2', 'SPDX-2.3'], 'must be "SPDX-2.2" or "SPDX-2.3"'),
  SPDXID: z.literal('SPDXRef-DOCUMENT'),
  name: filled,
  dataLicense: z.literal('CC0-1.0'),
  documentNamespace: z.url(),
  creationInfo: z.looseObject({
    created: z.iso.datetime(),
    creators: z.array(filled).min(1),
  }),
  packages: z.array(spdxPackage),
  relationships: z.array(relationship).optional(),
});

/** SPDX 2.2 and 2.3 in JSON. */
export function checkSpdx(path: string, document: JsonObject): Part<CheckedSbom> {
  // SPDX 3 is JSON-LD with nothing in common but the name.
  if ('@context' in document || '@graph' in document) {
    return {
      ok: false,
      problems: [{ path, reason: 'is SPDX 3, which is not supported: write SPDX 2.3 or CycloneDX' }],
    };
  }
  const parsed = spdxDocument.safeParse(document);
  if (!parsed.success) return { ok: false, problems: zodProblems(path, parsed.error) };
  const { spdxVersion, packages } = parsed.data;
  return { ok: true, value: { version: spdxVersion.replace('SPDX-', ''), componentCount: packages.length } };
}

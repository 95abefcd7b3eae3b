import { MAX_SBOM_BYTES } from './limits.js';
import type { Part } from './package-problem.js';
import type { CheckedSbom } from './checked-sbom.js';
import { parseJsonDocument, type JsonObject } from './parse-document.js';
import { checkSpdx } from './sbom-spdx.js';

export interface Sbom {
  format: 'spdx' | 'cyclonedx';
  version: string;
  mediaType: string;
  bytes: Buffer;
  componentCount: number;
}

export const SPDX_ENTRY = 'sbom.spdx.json';
export const CYCLONEDX_ENTRY = 'sbom.cdx.json';

/** The SBOM of a package, checked against the format that its name promises. */
export async function readSbom(path: string, bytes: Buffer): Promise<Part<Sbom>> {
  const document = parseJsonDocument(path, bytes, MAX_SBOM_BYTES);
  if (!document.ok) return document;
  const { value, text } = document.value;
  const format = path === SPDX_ENTRY ? 'spdx' : 'cyclonedx';
  const checked = format === 'spdx' ? checkSpdx(path, value) : await checkCycloneDx(path, value, text);
  if (!checked.ok) return checked;
  const mediaType = mediaTypeOf(format, checked.value.version);
  return { ok: true, value: { format, ...checked.value, mediaType, bytes } };
}

/** Loaded by the first document that needs it: the library is large, and a run on the desk mostly needs it not. */
async function checkCycloneDx(path: string, value: JsonObject, text: string): Promise<Part<CheckedSbom>> {
  const cycloneDx = await import('./sbom-cyclonedx.js');
  return cycloneDx.checkCycloneDx(path, value, text);
}

function mediaTypeOf(format: Sbom['format'], version: string): string {
  if (format === 'spdx') return 'application/spdx+json';
  return `application/vnd.cyclonedx+json; version=${version}`;
}

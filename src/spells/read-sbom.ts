import { requirePrincipal, type Principal } from '../accounts/index.js';
import type { BlobStore } from '../platform/index.js';
import type { VersionResolver } from './version-resolver.js';

/** The SBOM of a version as its maker wrote it. `reference` is a key, a version or a range. */
export async function readSbom(
  deps: { versions: VersionResolver; blobs: BlobStore },
  principal: Principal | null,
  reference: string,
): Promise<{ bytes: Buffer; mediaType: string; version: string }> {
  requirePrincipal(principal);
  const { version } = await deps.versions.resolve(reference);
  return {
    bytes: await deps.blobs.get(version.sbomDigest),
    mediaType: version.sbomMediaType,
    version: version.version,
  };
}

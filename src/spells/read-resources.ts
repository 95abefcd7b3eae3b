import type { BlobStore } from '../platform/index.js';
import { readPackage, readableResources } from '../provenance/index.js';
import type { SpellVersionEntity } from './spell.entity.js';

/** The read-only tree of a version, by path below /resources; only what its policy lets the guest see. */
export async function readResources(
  blobs: BlobStore,
  version: SpellVersionEntity,
): Promise<ReadonlyMap<string, Buffer>> {
  const read = await readPackage(await blobs.get(version.packageDigest));
  if (!read.ok) throw new Error(`package ${version.packageDigest} was published but cannot be read`);
  return readableResources(version.manifest, read.package.resources);
}

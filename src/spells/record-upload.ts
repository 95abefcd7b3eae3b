import { requireScope, type Principal } from '../accounts/index.js';
import {
  badInput,
  isDigest,
  queryRows,
  type BlobStore,
  type Clock,
  type DataSource,
  type Digest,
} from '../platform/index.js';
import type { UploadQuota } from './upload-quota.js';

/** The largest package, as bytes of its tar. */
export const PACKAGE_BYTES_MAX = 64 * 1024 * 1024;

/** Keeps uploaded bytes under their digest and remembers that this account has sent them. */
export async function recordUpload(
  deps: { database: DataSource; blobs: BlobStore; clock: Clock; uploads: UploadQuota },
  principal: Principal | null,
  input: { digest: string; bytes: AsyncIterable<Buffer> },
): Promise<{ digest: Digest; sizeBytes: number }> {
  const { accountId } = requireScope(principal, 'publish');
  if (!isDigest(input.digest)) throw badInput([{ path: 'digest', reason: 'must be sha256:<64 hex digits>' }]);
  const { digest } = input;
  const sizeBytes = await deps.uploads.take(accountId, () =>
    deps.blobs.putStream(digest, input.bytes, PACKAGE_BYTES_MAX),
  );
  await queryRows(
    deps.database,
    `INSERT INTO uploads (account_id, digest, size_bytes, created_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (account_id, digest) DO UPDATE SET created_at = excluded.created_at`,
    [accountId, digest, sizeBytes, deps.clock.now()],
  );
  return { digest, sizeBytes };
}

/**
 * The bytes of an upload of this account. Knowing a digest is not enough: somebody else's upload is
 * as good as none, or a digest seen in public would open a private package.
 */
export async function readUpload(
  deps: { database: DataSource; blobs: BlobStore },
  accountId: string,
  digest: Digest,
): Promise<Buffer | null> {
  const rows = await queryRows(deps.database, `SELECT 1 FROM uploads WHERE account_id = $1 AND digest = $2`, [
    accountId,
    digest,
  ]);
  return rows.length === 0 ? null : deps.blobs.get(digest);
}

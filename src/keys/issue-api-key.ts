import type { Scope } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import { newId, type Clock, type DataSource, type EntityManager } from '../platform/index.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { generateKey } from './key-format.js';
import type { SecretDigests } from './secret-digests.js';
import { hashSecret } from './secret-hash.js';

export interface IssueDeps {
  database: DataSource;
  clock: Clock;
  digests: SecretDigests;
}

/** A new key with its secret, which is shown this once and stored nowhere. */
export interface IssuedApiKey {
  apiKey: ApiKeyEntity;
  secret: string;
}

interface KeyToIssue {
  accountId: string;
  name: string;
  scopes: Scope[];
  expiresAt: Date | null;
}

/** Stores a new key without asking who wants it: for the account that `make up` opens. */
export async function issueApiKey(deps: IssueDeps, input: KeyToIssue): Promise<IssuedApiKey> {
  const issued = await makeApiKey(deps, input);
  await deps.database.transaction((manager) => insertApiKey(manager, issued.apiKey));
  return issued;
}

/** A key and its secret before they are stored; hashing takes so long that no transaction should wait for it. */
export async function makeApiKey(
  { clock, digests }: Omit<IssueDeps, 'database'>,
  input: KeyToIssue,
): Promise<IssuedApiKey> {
  const { prefix, secret, key } = generateKey();
  const apiKey = Object.assign(new ApiKeyEntity(), {
    id: newId(clock),
    accountId: input.accountId,
    name: input.name,
    prefix,
    secretHash: await hashSecret(secret),
    secretDigest: digests.of(secret),
    scopes: input.scopes,
    createdAt: clock.now(),
    expiresAt: input.expiresAt,
    lastUsedAt: null,
    revokedAt: null,
    rotatedTo: null,
  });
  return { apiKey, secret: key };
}

/** The key and the fact that it was made. */
export async function insertApiKey(manager: EntityManager, apiKey: ApiKeyEntity): Promise<void> {
  await manager.getRepository(ApiKeyEntity).insert(apiKey);
  await appendFact(manager, {
    accountId: apiKey.accountId,
    kind: 'key.created',
    subject: apiKey.prefix,
    occurredAt: apiKey.createdAt,
    content: {
      keyId: apiKey.id,
      name: apiKey.name,
      scopes: apiKey.scopes,
      expiresAt: apiKey.expiresAt?.toISOString() ?? null,
    },
  });
}

import { IsNull } from 'typeorm';
import { SCOPES, requireScope, type Principal, type Scope } from '../accounts/index.js';
import { appendFact } from '../ledger/index.js';
import {
  AppError,
  badInput,
  isStorable,
  newId,
  type Clock,
  type DataSource,
  type InputProblem,
} from '../platform/index.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { generateKey } from './key-format.js';
import { hashSecret } from './secret-hash.js';

export interface CreateApiKeyInput {
  name: string;
  scopes: string[];
  expiresAt?: Date | null;
}

/** A new key with its secret, which is shown this once and stored nowhere. */
export interface IssuedApiKey {
  apiKey: ApiKeyEntity;
  secret: string;
}

const NAME_CHARACTERS_MAX = 100;
// Keeps an account's list, and what the background check reads, within reason.
const KEYS_PER_ACCOUNT_MAX = 1_000;

export async function createApiKey(
  deps: { database: DataSource; clock: Clock },
  principal: Principal | null,
  input: CreateApiKeyInput,
): Promise<IssuedApiKey> {
  const { accountId } = requireScope(principal, 'admin');
  const scopes = checkInput(input, deps.clock.now());
  await requireRoom(deps.database, accountId);
  return issueApiKey(deps, {
    accountId,
    name: input.name.trim(),
    scopes,
    expiresAt: input.expiresAt ?? null,
  });
}

interface KeyToIssue {
  accountId: string;
  name: string;
  scopes: Scope[];
  expiresAt: Date | null;
}

/** Stores a new key without asking who wants it: also for the account that `make up` opens. */
export async function issueApiKey(
  deps: { database: DataSource; clock: Clock },
  input: KeyToIssue,
): Promise<IssuedApiKey> {
  const made = await makeApiKey(deps.clock, input);
  const { apiKey } = made;
  await deps.database.transaction(async (manager) => {
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
  });
  return made;
}

/** A key and its secret before they are stored; hashing takes so long that no transaction should wait for it. */
export async function makeApiKey(clock: Clock, input: KeyToIssue): Promise<IssuedApiKey> {
  const { prefix, secret, key } = generateKey();
  const apiKey = Object.assign(new ApiKeyEntity(), {
    id: newId(clock),
    accountId: input.accountId,
    name: input.name,
    prefix,
    secretHash: await hashSecret(secret),
    scopes: input.scopes,
    createdAt: clock.now(),
    expiresAt: input.expiresAt,
    lastUsedAt: null,
    revokedAt: null,
    rotatedTo: null,
  });
  return { apiKey, secret: key };
}

function checkInput(input: CreateApiKeyInput, now: Date): Scope[] {
  const problems: InputProblem[] = [];
  const nameLength = input.name.trim().length;
  if (nameLength === 0 || nameLength > NAME_CHARACTERS_MAX || !isStorable(input.name)) {
    problems.push({
      path: 'name',
      reason: `must have 1 to ${NAME_CHARACTERS_MAX} characters, no NUL and no half of a surrogate pair`,
    });
  }
  if (input.scopes.length === 0) problems.push({ path: 'scopes', reason: 'must name at least one scope' });
  input.scopes.forEach((scope, index) => {
    if (!SCOPES.includes(scope as Scope)) {
      problems.push({ path: `scopes/${index}`, reason: `is not one of ${SCOPES.join(', ')}` });
    }
  });
  // A leap second passes for a date in JSON Schema and is none in JavaScript.
  if (input.expiresAt && !(input.expiresAt > now))
    problems.push({ path: 'expiresAt', reason: 'must be in the future' });
  if (problems.length > 0) throw badInput(problems);
  return [...new Set(input.scopes as Scope[])];
}

async function requireRoom(database: DataSource, accountId: string): Promise<void> {
  const count = await database.getRepository(ApiKeyEntity).countBy({ accountId, revokedAt: IsNull() });
  if (count >= KEYS_PER_ACCOUNT_MAX) {
    throw new AppError('CONFLICT', `an account can have at most ${KEYS_PER_ACCOUNT_MAX} keys in use`);
  }
}

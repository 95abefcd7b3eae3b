import { SCOPES, requireScope, type Principal, type Scope } from '../accounts/index.js';
import { badInput, isStorable, type InputProblem } from '../platform/index.js';
import { insertApiKey, makeApiKey, type IssueDeps, type IssuedApiKey } from './issue-api-key.js';
import { requireRoom } from './require-room.js';

export interface CreateApiKeyInput {
  name: string;
  scopes: string[];
  expiresAt?: Date | null;
}

const NAME_CHARACTERS_MAX = 100;

export async function createApiKey(
  deps: IssueDeps,
  principal: Principal | null,
  input: CreateApiKeyInput,
): Promise<IssuedApiKey> {
  const { accountId } = requireScope(principal, 'admin');
  const now = deps.clock.now();
  const scopes = checkInput(input, now);
  const issued = await makeApiKey(deps, {
    accountId,
    name: input.name.trim(),
    scopes,
    expiresAt: input.expiresAt ?? null,
  });
  await deps.database.transaction(async (manager) => {
    await requireRoom(manager, accountId, now);
    await insertApiKey(manager, issued.apiKey);
  });
  return issued;
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

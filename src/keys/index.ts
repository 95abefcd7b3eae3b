export { ApiKeyEntity } from './api-key.entity.js';
export { toApiKeyType } from './api-key.type.js';
export { ApiKeyResolver, type KeyDeps } from './api-key.resolver.js';
export { KeyVerifier } from './key-verifier.js';
export { createApiKey, issueApiKey, type IssuedApiKey } from './create-api-key.js';
export { listApiKeys } from './list-api-keys.js';
export { revokeApiKey } from './revoke-api-key.js';
export { generateKey } from './key-format.js';

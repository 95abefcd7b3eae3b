export {
  SCOPES,
  requirePrincipal,
  requireScope,
  type Principal,
  type RequestContext,
  type Scope,
} from './principal.js';
export { AccountEntity } from './account.entity.js';
export { AccountType, toAccountType } from './account.type.js';
export { AccountResolver } from './account.resolver.js';
export { openAccount } from './open-account.js';

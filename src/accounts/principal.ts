import { AppError } from '../platform/index.js';

export const SCOPES = ['cast', 'publish', 'read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who is asking: the account, how it authenticated, and what it may do. */
export interface Principal {
  accountId: string;
  keyId: string;
  keyPrefix: string;
  scopes: readonly Scope[];
}

/** What a resolver knows of its request. */
export interface RequestContext {
  principal: Principal | null;
  requestId: string;
  /** One DataLoader per name and request, so that what one answer needs is asked for once. */
  loader<T>(name: string, create: () => T): T;
}

export function requirePrincipal(principal: Principal | null): Principal {
  if (principal === null) throw new AppError('UNAUTHENTICATED', 'a valid API key is needed');
  return principal;
}

/** Passes when the principal holds one of the scopes; `admin` holds all of them. */
export function requireScope(principal: Principal | null, ...anyOf: Scope[]): Principal {
  const known = requirePrincipal(principal);
  if (known.scopes.includes('admin') || anyOf.some((scope) => known.scopes.includes(scope))) return known;
  throw new AppError('FORBIDDEN', `this key lacks the scope ${anyOf.join(' or ')}`, {
    requiredScopes: anyOf,
  });
}

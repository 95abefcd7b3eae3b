import type { Principal } from '../accounts/index.js';
import type { SubscriptionContext } from '../casts/index.js';

type WatchCast = (
  principal: Principal | null,
  args: { castId: string; after?: string | null },
) => ReturnType<SubscriptionContext['watchCast']>;

/** Makes the context of one operation. Loaders live as long as it does, so they never show stale data to the next. */
export function createContext(
  principal: Principal | null,
  requestId: string,
  watchCast: WatchCast,
): SubscriptionContext {
  const loaders = new Map<string, unknown>();
  return {
    principal,
    requestId,
    loader<T>(name: string, create: () => T): T {
      if (!loaders.has(name)) loaders.set(name, create());
      return loaders.get(name) as T;
    },
    watchCast: (args) => watchCast(principal, args),
  };
}

export type { WatchCast };

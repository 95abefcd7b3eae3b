import type { Principal } from '../accounts/index.js';
import type { AlertContext, AlertFeed } from '../budgets/index.js';
import type { SubscriptionContext } from '../casts/index.js';

type WatchArgs = Parameters<SubscriptionContext['watchCast']>[0];
export type WatchCast = (
  principal: Principal | null,
  args: WatchArgs,
) => ReturnType<SubscriptionContext['watchCast']>;
export type WatchAlerts = AlertFeed['watch'];

/** Makes the context of one operation. Loaders live as long as it does, so they never show stale data to the next. */
export function createContext(request: {
  principal: Principal | null;
  requestId: string;
  watchCast: WatchCast;
  watchAlerts: WatchAlerts;
  signal?: AbortSignal;
}): SubscriptionContext & AlertContext {
  const { principal, requestId, watchCast, watchAlerts, signal } = request;
  const loaders = new Map<string, unknown>();
  return {
    principal,
    requestId,
    ...(signal === undefined ? {} : { signal }),
    loader<T>(name: string, create: () => T): T {
      if (!loaders.has(name)) loaders.set(name, create());
      return loaders.get(name) as T;
    },
    watchCast: (args) => watchCast(principal, args),
    watchAlerts: (ended) => watchAlerts(principal, ended),
  };
}

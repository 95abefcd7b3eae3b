import { createContext, Script } from 'node:vm';

const context = createContext(Object.create(null) as object);
const call = new Script('work()');

/**
 * Runs synchronous work under a deadline, or says that there was not enough time. V8's own watchdog stops it, and
 * that reaches into regular expressions and generated code, where no check of ours could stand.
 */
export function withinTime<T>(timeoutMs: number, work: () => T): { done: true; value: T } | { done: false } {
  context['work'] = work;
  try {
    return { done: true, value: call.runInContext(context, { timeout: timeoutMs }) as T };
  } catch (error) {
    if (isTimeout(error)) return { done: false };
    throw error;
  } finally {
    delete context['work'];
  }
}

function isTimeout(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}

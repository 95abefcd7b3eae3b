import type { FastifyInstance } from 'fastify';
import { badInput } from '../platform/index.js';

type Parse = (request: never, body: string, done: (error: Error | null, value?: unknown) => void) => void;

/** Why a body that is JSON is refused all the same; it gets the text as well. */
export type CheckBody = (text: string, body: unknown) => Error | null;

/**
 * JSON bodies as Fastify reads them, with the one thing said plainly that it calls bad JSON: keys that would change what
 * an object inherits from are refused, because somewhere behind us objects are merged.
 */
export function registerJsonBodies(app: FastifyInstance, check: CheckBody = () => null): void {
  const parse = app.getDefaultJsonParser('error', 'error') as unknown as Parse;
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body as string;
    parse(request as never, text, (error, value) => {
      if (error !== null) return done(isJson(text) ? forbiddenKey() : error);
      done(check(text, value), value);
    });
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function forbiddenKey(): Error {
  const reason = 'has a key "__proto__", or "constructor" with a "prototype" in it, which is not accepted';
  return badInput([{ path: 'body', reason }]);
}

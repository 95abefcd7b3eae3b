import { badInput, type InputProblem } from '../platform/index.js';
import { registerJsonBodies } from './json-body.js';
import type { App } from './server.js';

/** A place in a body: the names of members from the outside in. */
type Place = readonly string[];

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

const WHOLE = /^-?(0|[1-9][0-9]*)$/;

/**
 * Routes whose bodies have amounts at these places. JSON.parse rounds 9999.999999999999999999 to 10000 and
 * 9007199254740993 to its neighbour before any check can see it, so the amounts are looked at as they were written.
 */
export function withExactNumbers(app: App, places: readonly Place[], register: (scope: App) => void): void {
  void app.register((scope, _options, done) => {
    registerJsonBodies(scope, (text, body) => {
      const problems = findInexact(text, body, places);
      return problems.length > 0 ? badInput(problems) : null;
    });
    register(scope);
    done();
  });
}

function findInexact(text: string, body: unknown, places: readonly Place[]): InputProblem[] {
  const numbers = places.filter((place) => typeof valueAt(body, place) === 'number');
  // Most bodies have none, or have them as text; only the others are read a second time.
  if (numbers.length === 0) return [];
  const written = new Map<unknown, Map<string, string>>();
  const names = new Set(numbers.map((place) => place.at(-1)));
  const note: Reviver = function (key, value, { source }) {
    if (names.has(key) && source !== undefined)
      written.set(this, (written.get(this) ?? new Map<string, string>()).set(key, source));
    return value;
  };
  const again: unknown = (JSON.parse as (text: string, reviver: Reviver) => unknown)(text, note);
  return numbers.flatMap((place) => {
    const source = written.get(valueAt(again, place.slice(0, -1)))?.get(place.at(-1) ?? '') ?? '';
    if (WHOLE.test(source) && Number.isSafeInteger(Number(source))) return [];
    return [
      { path: `body/${place.join('/')}`, reason: 'as a number must be whole, written in digits, below 2^53' },
    ];
  });
}

function valueAt(body: unknown, place: Place): unknown {
  return place.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined,
    body,
  );
}

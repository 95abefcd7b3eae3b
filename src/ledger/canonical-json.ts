import canonicalize from 'canonicalize';

/**
 * The one way to write a JSON value (RFC 8785): members sorted, no spaces, numbers as ECMAScript prints them. Throws for
 * what JSON does not have: undefined, NaN, infinities, lone surrogates, cycles.
 */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('this value has no JSON form');
  return text;
}

import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';
import { GraphQLDateTime, GraphQLJSON } from 'graphql-scalars';
import { isDigest } from './digests.js';

export const DateTimeScalar = GraphQLDateTime;
export const JsonScalar = GraphQLJSON;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

function parseBigInt(value: unknown): bigint {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || !/^-?\d{1,19}$/.test(text)) {
    throw new GraphQLError('BigInt is a whole number of 64 bits, written as a decimal string');
  }
  const number = BigInt(text);
  if (number < INT64_MIN || number > INT64_MAX) throw new GraphQLError('BigInt does not fit into 64 bits');
  return number;
}

/** 64-bit integers as decimal strings: JSON numbers lose digits above 2^53. */
export const BigIntScalar = new GraphQLScalarType<bigint, string>({
  name: 'BigInt',
  description: 'A 64-bit integer, written as a decimal string. Small integers are accepted as numbers too.',
  serialize: (value) => parseBigInt(typeof value === 'bigint' ? value.toString() : value).toString(),
  parseValue: parseBigInt,
  parseLiteral: (node) => {
    if (node.kind !== Kind.INT && node.kind !== Kind.STRING)
      throw new GraphQLError('BigInt is a decimal string');
    return parseBigInt(node.value);
  },
});

function parseDigest(value: unknown): string {
  if (typeof value !== 'string' || !isDigest(value))
    throw new GraphQLError('Digest is sha256:<64 hex digits>');
  return value;
}

export const DigestScalar = new GraphQLScalarType<string, string>({
  name: 'Digest',
  description: 'The SHA-256 digest of some bytes, written `sha256:<hex>`.',
  serialize: parseDigest,
  parseValue: parseDigest,
  parseLiteral: (node) => parseDigest(node.kind === Kind.STRING ? node.value : undefined),
});

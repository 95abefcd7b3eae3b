import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { JsonScanner } from '../../src/platform/index.js';

const DEPTH_MAX = 64;

function problemOf(bytes: Uint8Array, pieceBytes = bytes.length): string | null {
  const scanner = new JsonScanner(DEPTH_MAX);
  for (let at = 0; at < bytes.length; at += Math.max(1, pieceBytes))
    scanner.push(bytes.subarray(at, at + Math.max(1, pieceBytes)));
  return scanner.end();
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const DOCUMENTS = [
  ...['0', '-0', '1.5e+10', '-1E-2', '"a"', 'true', 'false', 'null', '[]', '{}', ' [ 1 , {"a" : [ ] } ] \n'],
  ...['"\\u00e9\\n\\"\\\\\\/"', '"\\ud800"', '{"a":1,"a":2}', '"é"', '[0,1]', '"\u007f"'],
  ...[
    '',
    ' ',
    '01',
    '-',
    '+1',
    '.5',
    '1.',
    '1e',
    '1e+',
    '0x1',
    'NaN',
    'tru',
    'nul',
    'truee',
    '"',
    '"a',
    '[1,]',
  ],
  ...['{,}', '{"a"}', '{"a":}', '{"a":1,}', '{1:2}', '[1 2]', '[}', '{]', ']', '1 2', '[1],', "'a'", '"\\x"'],
  ...[
    '"\\u12g4"',
    '"\\u123',
    '"\n"',
    '"\t"',
    '\ufeff1',
    '{"a":1 "b":2}',
    '--1',
    '1e1.5',
    '[[]',
    '//',
    '\u00a01',
  ],
  ...['1\u0000', 'true\u0000', '{"a":tru}', '1e5e5', '-a', '"\\"', '"\\', '0.0.0'],
];

describe('a scanner says of a document what JSON.parse says', () => {
  for (const text of DOCUMENTS)
    it(JSON.stringify(text), () => {
      const bytes = Buffer.from(text);
      for (const pieceBytes of [bytes.length, 1, 2, 3])
        assert.equal(problemOf(bytes, pieceBytes) === null, isJson(text), problemOf(bytes, pieceBytes) ?? '');
    });

  it('any value, also with a byte changed', () => {
    const changed = fc.record({ value: fc.json(), at: fc.nat(), byte: fc.integer({ min: 0, max: 127 }) });
    fc.assert(
      fc.property(changed, fc.integer({ min: 1, max: 9 }), ({ value, at, byte }, pieceBytes) => {
        const bytes = Buffer.from(value);
        assert.equal(problemOf(bytes, pieceBytes), null);
        bytes[at % bytes.length] = byte;
        assert.equal(problemOf(bytes, pieceBytes) === null, isJson(bytes.toString()), bytes.toString());
      }),
      { numRuns: 2_000 },
    );
  });
});

it('what is nested too deep is refused, however long it would go on', () => {
  const nested = (depth: number): Buffer => Buffer.from('['.repeat(depth) + ']'.repeat(depth));
  assert.equal(problemOf(nested(DEPTH_MAX)), null);
  assert.match(problemOf(nested(DEPTH_MAX + 1)) ?? '', /nested more than 64 levels/);
  assert.match(problemOf(Buffer.from('{"a":'.repeat(1_000_000))) ?? '', /nested more than 64 levels/);
});

it('a problem is named with its place', () => {
  assert.equal(problemOf(Buffer.from('{"a":1,}')), "'}' may not stand at byte 7");
  assert.equal(problemOf(Buffer.from('[1,\u0001]')), 'byte 0x01 may not stand at byte 3');
  assert.equal(problemOf(Buffer.from('[1,2'), 2), 'it ends at byte 4, before the value does');
});

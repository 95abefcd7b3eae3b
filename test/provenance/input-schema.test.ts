import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileInputSchema } from '../../src/provenance/index.js';
import { lines, packageWith, refused, SCHEMA } from './support.js';

test('a good input has no problems, a bad one has them all with JSON pointers', () => {
  const check = compileInputSchema(SCHEMA);
  assert.deepEqual(check({ width: 3 }), []);
  assert.deepEqual(lines(check({ width: 0, colour: 'red' })), [
    ': must NOT have additional properties: "colour"',
    '/width: must be >= 1',
  ]);
});

test('an input that is good again after a bad one is accepted', () => {
  const check = compileInputSchema(SCHEMA);
  assert.equal(check({}).length, 1);
  assert.deepEqual(check({ width: 1 }), []);
});

test('draft-07 and 2020-12 are each checked by their own rules', () => {
  const items = [{ type: 'number' }];
  const draft07 = compileInputSchema({ $schema: 'http://json-schema.org/draft-07/schema#', items });
  const draft2020 = compileInputSchema({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    prefixItems: items,
  });
  assert.equal(draft07(['a']).length, 1);
  assert.equal(draft2020(['a']).length, 1);
});

test('formats are checked', () => {
  const check = compileInputSchema({ type: 'string', format: 'email' });
  assert.equal(check('nobody').length, 1);
  assert.deepEqual(check('a@b.example'), []);
});

const REFUSALS: [string, object, RegExp][] = [
  ['other draft', { $schema: 'http://json-schema.org/draft-04/schema#' }, /2020-12 or draft-07/],
  ['unknown type', { properties: { x: { type: 'colour' } } }, /schema is invalid/],
  ['broken pattern', { pattern: '(' }, /schema\.json: /],
  ['unknown format', { format: 'colour' }, /unknown format "colour"/],
  ['asynchronous', { $async: true, type: 'object' }, /\$async/],
  [
    'remote reference',
    { properties: { x: { $ref: 'https://a.example/s' } } },
    /schema\.json\/properties\/x\/\$ref: "https:\/\/a\.example\/s" lies outside/,
  ],
  ['file reference', { $ref: 'other.json' }, /\$ref: "other\.json" lies outside/],
  ['dangling reference', { $ref: '#/$defs/none' }, /can't resolve reference/],
];

for (const [name, schema, line] of REFUSALS) {
  test(`refused: ${name}`, async () => {
    assert.match(lines(await refused(packageWith({ 'schema.json': schema }))).join('\n'), line);
  });
}

test('an $async schema below the root cannot make everything valid', () => {
  assert.throws(() => compileInputSchema({ properties: { x: { $async: true, type: 'string' } } }));
});

/** Each schema is small, legal, and takes for ever on the input beside it. */
const BOMBS: [string, object, unknown][] = [
  ['pattern', { pattern: '^(a+)+$' }, `${'a'.repeat(64)}!`],
  ['patternProperties', { patternProperties: { '^(a+)+$': true } }, { [`${'a'.repeat(64)}!`]: 1 }],
  ['references that double', doubling(40), 1],
  ['recursion that doubles', { properties: { a: { allOf: [{ $ref: '#' }, { $ref: '#' }] } } }, nested(60)],
  ['unique items', { uniqueItems: true }, Array.from({ length: 50_000 }, (_, index) => ({ index }))],
];

function doubling(levels: number): object {
  const defs: Record<string, object> = { d0: { type: 'number' } };
  for (let level = 1; level <= levels; level += 1) {
    defs[`d${level}`] = { allOf: [{ $ref: `#/$defs/d${level - 1}` }, { $ref: `#/$defs/d${level - 1}` }] };
  }
  return { $defs: defs, $ref: `#/$defs/d${levels}` };
}

function nested(levels: number): object {
  return levels === 0 ? {} : { a: nested(levels - 1) };
}

for (const [name, schema, value] of BOMBS) {
  test(`an input check by a bomb ends: ${name}`, { timeout: 5_000 }, () => {
    assert.match(lines(compileInputSchema(schema)(value)).join('\n'), /takes longer than 250 ms/);
  });
}

test('endless recursion is a problem, not a crash', () => {
  const check = compileInputSchema({ allOf: [{ $ref: '#' }] });
  assert.match(lines(check(1)).join('\n'), /cannot be checked/);
  const circle = { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' };
  assert.throws(() => compileInputSchema(circle), /call stack/);
});

test('an input that breaks a rule many times names a bounded number', () => {
  const check = compileInputSchema({ items: { type: 'number' } });
  assert.equal(check(Array.from({ length: 10_000 }, () => 'x')).length, 20);
});

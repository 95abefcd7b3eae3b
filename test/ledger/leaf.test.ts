import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from '../../src/ledger/canonical-json.js';
import { NO_PREVIOUS, parseLeaf, writeLeaf, type Leaf } from '../../src/ledger/leaf.js';
import { parseTilePath, tilePath, tilesOf, widthOf } from '../../src/ledger/merkle/tile.js';
import { commit, commitTo, openEntry, sealEntry, toPersonKey } from '../../src/ledger/seal-entry.js';
import { writePrivatePart } from '../../src/ledger/private-part.js';
import { parseBundle } from '../../src/ledger/audit/bundle.js';
import { writeBundle } from '../../src/ledger/read-log.js';

const LEAF: Leaf = {
  version: 1,
  sequence: 12,
  kind: 'key.created',
  at: '2026-11-22T10:00:00.123Z',
  account: 'AAAAAAAAAAAAAAAAAAAAAA',
  commitment: 'ab'.repeat(32),
  previous: NO_PREVIOUS,
};

describe('leaves', () => {
  it('are canonical JSON', () => {
    for (const sequence of [0, 1, 2 ** 53 - 1])
      assert.equal(writeLeaf({ ...LEAF, sequence }), canonicalJson({ ...LEAF, sequence }));
    assert.deepEqual(parseLeaf(writeLeaf(LEAF)), LEAF);
  });

  it('are read in their one form only', () => {
    const text = writeLeaf(LEAF);
    const forms = [
      '',
      'null',
      `${text}\n`,
      ` ${text}`,
      text.replace(':12,', ':12.0,'),
      text.replace(':12,', ':012,'),
      text.replace(':12,', ':-1,'),
      text.replace(':12,', ':9007199254740992,'),
      text.replace('"version":1', '"version":2'),
      text.replace('key.created', 'key'),
      text.replace('key.created', 'Key.created'),
      text.replace('123Z', '123+00:00'),
      text.replace('11-22', '13-22'),
      text.replace('"kind"', '"Kind"'),
      text.replace('}', ',"more":1}'),
      text.replace('abab', 'ABAB'),
      JSON.stringify(LEAF),
      JSON.stringify(JSON.parse(text), null, 1),
    ];
    for (const form of forms) assert.equal(parseLeaf(form), null, form);
  });

  it('no changed byte reads as the same leaf', () => {
    const text = Buffer.from(writeLeaf(LEAF));
    for (let at = 0; at < text.length; at += 1)
      for (const byte of [0, 32, 48, 57, 65, 97, 102, 255]) {
        if (text[at] === byte) continue;
        const changed = Buffer.from(text);
        changed[at] = byte;
        assert.notDeepEqual(parseLeaf(changed.toString()), LEAF);
      }
  });
});

describe('content', () => {
  const key = toPersonKey(randomBytes(32));
  const leafHash = randomBytes(32);
  const part = { accountId: 'a', subject: 's"\\\n\u2028é', content: { cost: '12' } };
  const content = canonicalJson(part);

  it('is the canonical JSON of its parts, whatever they are', () => {
    assert.equal(writePrivatePart({ ...part, content: canonicalJson(part.content) }), content);
    fc.assert(
      fc.property(fc.uuid(), fc.string({ unit: 'binary' }), fc.jsonValue(), (accountId, subject, value) => {
        const written = writePrivatePart({ accountId, subject, content: canonicalJson(value) });
        assert.equal(written, canonicalJson({ accountId, subject, content: value }));
      }),
    );
  });

  it('opens under its key, beside its leaf, and is what was committed to', () => {
    const committed = commit(content);
    const opened = openEntry(key, leafHash, sealEntry(key, leafHash, committed));
    assert.equal(opened?.content, content);
    assert.equal(commitTo(opened.salt, content), committed.commitment);
    assert.notEqual(commit(content).commitment, committed.commitment, 'another salt each time');
  });

  it('does not open under another key, beside another leaf, or with a bit changed or a byte missing', () => {
    const sealed = sealEntry(key, leafHash, commit(content));
    assert.equal(openEntry(toPersonKey(randomBytes(32)), leafHash, sealed), null);
    assert.equal(openEntry(key, randomBytes(32), sealed), null);
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const forged = Buffer.from(sealed);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(openEntry(key, leafHash, forged), null, `bit ${bit}`);
    }
    for (let length = 0; length < sealed.length; length += 1)
      assert.equal(openEntry(key, leafHash, sealed.subarray(0, length)), null, `${length} bytes`);
  });

  it('has one canonical form (RFC 8785)', () => {
    assert.equal(
      canonicalJson({ b: 1, a: [1e21, 0.1, -0], é: '\u000f' }),
      '{"a":[1e+21,0.1,0],"b":1,"é":"\\u000f"}',
    );
    for (const value of [undefined, NaN, Infinity, '\ud800', () => 1])
      assert.throws(() => canonicalJson(value));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        assert.equal(canonicalJson(JSON.parse(text)), text);
      }),
    );
  });
});

describe('tiles and bundles', () => {
  it('have the paths of the specification, and no others', () => {
    assert.equal(tilePath({ level: 0, index: 1_234_067, width: 256 }), 'tile/0/x001/x234/067');
    assert.equal(tilePath({ level: 2, index: 0, width: 1 }), 'tile/2/000.p/1');
    assert.equal(tilePath({ level: 'entries', index: 999, width: 255 }), 'tile/entries/999.p/255');
    for (const name of [
      { level: 0, index: 0, width: 256 },
      { level: 6, index: 1_000, width: 9 },
      { level: 'entries' as const, index: 999_999_999, width: 256 },
    ])
      assert.deepEqual(parseTilePath(tilePath(name)), name);
    for (const path of [
      'tile/0/0',
      'tile/0/0000',
      'tile/0/x000/001',
      'tile/00/000',
      'tile/7/000',
      'tile/-1/000',
      'tile/0/000.p/0',
      'tile/0/000.p/256',
      'tile/0/000.p/01',
      'tile/0/000.p/',
      'tile/0/000/',
      'tile/0/x999/x999/x999/x999/x999/x999/999',
      'tile/data/000',
      'tile/0/../000',
      '/tile/0/000',
      'tile/0/000\n',
    ])
      assert.equal(parseTilePath(path), null, path);
  });

  it('a tree consists of the tiles that the specification counts', () => {
    const names = [...tilesOf(70_000)];
    const of = (level: number) => names.filter((name) => name.level === level);
    assert.equal(of(0).length, 274);
    assert.deepEqual(of(0).at(-1), { level: 0, index: 273, width: 112 });
    assert.deepEqual(of(1), [
      { level: 1, index: 0, width: 256 },
      { level: 1, index: 1, width: 17 },
    ]);
    assert.deepEqual(of(2), [{ level: 2, index: 0, width: 1 }]);
    assert.deepEqual([...tilesOf(0)], []);
    assert.equal([...tilesOf(256)].length, 2);
    assert.equal(widthOf(0, 1, 256), 0);
  });

  it('a bundle is read only whole', () => {
    const leaves = ['', 'a', 'b'.repeat(65_535)];
    const bundle = writeBundle(leaves);
    assert.deepEqual(parseBundle(bundle, 3)?.map(String), leaves);
    assert.equal(parseBundle(bundle, 2), null);
    assert.equal(parseBundle(bundle, 4), null);
    for (const cut of [0, 1, 2, 3, 5, bundle.length - 1])
      assert.equal(parseBundle(bundle.subarray(0, cut), 3), null);
  });
});

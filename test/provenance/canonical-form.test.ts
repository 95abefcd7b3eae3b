import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { sha256Digest, writePackage } from '../../src/provenance/index.js';
import { accepted, entriesWith, lines, packageWith, refused } from './support.js';

const HEADER_BYTES = 512;

type Deviation = Partial<Omit<Header, 'name'>> & { name?: string };

const SORTED = [...entriesWith()].sort(([left], [right]) =>
  Buffer.compare(Buffer.from(left), Buffer.from(right)),
);

/** A tar written by tar-stream, one of whose headers deviates. */
async function tarWith(deviations: Record<string, Deviation>, entries = SORTED): Promise<Buffer> {
  const archive = pack();
  for (const [name, bytes] of entries) {
    const header = { name, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0, ...deviations[name] };
    if (header.type === undefined || header.type === 'file') archive.entry(header, bytes);
    else archive.entry(header);
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The package with some bytes of the first header replaced and its checksum made right again. */
function firstHeaderWith(offset: number, text: string): Buffer {
  const tar = packageWith();
  tar.write(text, offset, 'latin1');
  tar.write('        ', 148);
  const sum = tar.subarray(0, HEADER_BYTES).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')} \0`, 148, 'latin1');
  return tar;
}

test('a package written twice has the same bytes, whatever the order of its entries', async () => {
  const entries = entriesWith();
  const reversed = new Map([...entries].reverse());
  assert.deepEqual(writePackage(reversed), writePackage(entries));
  const read = await accepted(writePackage(entries));
  assert.equal(read.package.digest, sha256Digest(writePackage(entries)));
  assert.deepEqual(read.warnings, []);
  assert.deepEqual([...read.package.resources.keys()], ['a.txt', 'b/c.txt']);
});

test('the canonical form is what tar-stream writes', async () => {
  assert.deepEqual(packageWith(), await tarWith({}));
});

test('names beyond ASCII are sorted by UTF-8 bytes and kept as they are', async () => {
  const tar = packageWith({ 'resources/\u{1f52e}.txt': 'x', 'resources/\uff5e.txt': 'y' });
  const read = await accepted(tar);
  assert.deepEqual([...read.package.resources.keys()].slice(-2), ['\uff5e.txt', '\u{1f52e}.txt']);
});

const DEVIATIONS: [string, Record<string, Deviation>, string][] = [
  ['mtime', { 'schema.json': { mtime: new Date(1000) } }, 'schema.json: mtime must be 0'],
  ['uid', { 'schema.json': { uid: 7 } }, 'schema.json: uid must be 0'],
  ['gid', { 'schema.json': { gid: 7 } }, 'schema.json: gid must be 0'],
  ['uname', { 'schema.json': { uname: 'root' } }, 'schema.json: uname and gname must be empty'],
  ['gname', { 'schema.json': { gname: 'root' } }, 'schema.json: uname and gname must be empty'],
  ['mode', { 'schema.json': { mode: 0o600 } }, 'schema.json: mode must be 0644'],
  ['pax', { 'schema.json': { pax: { comment: 'x' } } }, 'schema.json: pax extended headers are not allowed'],
  [
    'symlink',
    { 'resources/a.txt': { type: 'symlink', linkname: '/etc/passwd' } },
    'resources/a.txt: only regular files are allowed, this is of type symlink',
  ],
  [
    'directory outside resources',
    { 'schema.json': { type: 'directory', name: 'schema' } },
    'schema: only regular files are allowed, this is of type directory',
  ],
  [
    'device',
    { 'resources/a.txt': { type: 'character-device' } },
    'resources/a.txt: only regular files are allowed, this is of type character-device',
  ],
  [
    'absolute',
    { 'resources/a.txt': { name: '/etc/passwd' } },
    'entries/2: the path is absolute: "/etc/passwd"',
  ],
  [
    'parent',
    { 'resources/a.txt': { name: 'resources/../x' } },
    'entries/2: the path has a "." or ".." segment: "resources/../x"',
  ],
  [
    'backslash',
    { 'resources/a.txt': { name: 'resources\\x' } },
    'entries/2: the path contains a backslash: "resources\\\\x"',
  ],
  [
    'empty segment',
    { 'resources/a.txt': { name: 'resources//x' } },
    'entries/2: the path has an empty segment: "resources//x"',
  ],
  [
    'duplicate',
    { 'resources/b/c.txt': { name: 'resources/a.txt' } },
    'entries/3: "resources/a.txt" appears more than once',
  ],
  [
    'order',
    { 'resources/b/c.txt': { name: 'resources/Z' } },
    'entries/3: "resources/Z" is out of order: entries are sorted by UTF-8 bytes',
  ],
  [
    'long path',
    { 'resources/a.txt': { name: `resources/${'d/'.repeat(60)}x` } },
    `entries/2: the path is longer than 100 bytes: "resources/${'d/'.repeat(60)}x"`,
  ],
];

for (const [name, deviation, line] of DEVIATIONS) {
  test(`refused: ${name}`, async () => {
    const found = lines(await refused(await tarWith(deviation)));
    assert.ok(found.includes(line), found.join('\n'));
  });
}

test('accepted with a warning: the folder entries that tar programs write below resources/', async () => {
  const folder = { type: 'directory', name: 'resources/a/', mode: 0o755 } as const;
  const read = await accepted(await tarWith({ 'resources/a.txt': folder }));
  assert.deepEqual([...read.package.resources.keys()], ['b/c.txt']);
  assert.match(read.warnings.join(), /not written by `spell pack`/);
});

test('refused: two Unicode spellings of a name', async () => {
  const problems = await refused(
    firstHeaderWith(0, Buffer.from('e\u0301').toString('latin1').padEnd(100, '\0')),
  );
  assert.match(lines(problems).join('\n'), /not in Unicode NFC form/);
});

test('refused: bytes hidden behind a name, in header padding or in a number field', async () => {
  for (const [offset, text, field] of [
    [50, 'hidden', 'name'],
    [200, 'hidden', 'link name'],
    [500, 'hidden', 'header padding'],
    [106, '\0x', 'mode'],
    [329, '000001 ', 'device major'],
    [257, 'ustar  \0', 'ustar magic'],
  ] as const) {
    const problems = await refused(firstHeaderWith(offset, text));
    assert.deepEqual(lines(problems), [`README.md: the ${field} field of the tar header is not canonical`]);
  }
});

test('refused: bytes hidden in the padding of an entry', async () => {
  const tar = packageWith();
  tar[2 * HEADER_BYTES - 1] = 1;
  assert.deepEqual(lines(await refused(tar)), ['README.md: the padding after the entry is not zero']);
});

test('refused: bytes, entries or blocks after the end', async () => {
  const tar = packageWith();
  const after = [
    [Buffer.concat([tar, Buffer.alloc(512)]), /zero blocks after the end/],
    [Buffer.concat([tar, Buffer.alloc(512, 1)]), /cannot be read/],
    [Buffer.concat([tar, Buffer.from('x')]), /Unexpected end of data/],
    [Buffer.concat([tar, packageWith()]), /appears more than once/],
    [tar.subarray(0, -512), /does not end with two zero blocks/],
  ] as const;
  for (const [bytes, reason] of after) assert.match(lines(await refused(bytes)).join('\n'), reason);
});

test('refused: compressed packages, with the reason', async () => {
  assert.deepEqual(lines(await refused(gzipSync(packageWith()))), [
    'package: the package is compressed with gzip: it must be an uncompressed tar',
  ]);
});

test('refused: too many entries, too many bytes, none at all', async () => {
  const many = Array.from({ length: 1025 }, (_, index): [string, Buffer] => [
    `resources/${index}`,
    Buffer.alloc(0),
  ]);
  assert.match(lines(await refused(await tarWith({}, many))).join('\n'), /more than 1024 entries/);
  assert.match(
    lines(await refused(Buffer.alloc(64 * 1024 * 1024 + 1))).join('\n'),
    /larger than 67108864 bytes/,
  );
  assert.match(lines(await refused(Buffer.alloc(0))).join('\n'), /is missing/);
});

test('accepted with a warning: numbers ended and the archive padded as GNU tar and Python do it', async () => {
  const tar = packageWith();
  const end = Math.ceil(tar.byteLength / 10_240) * 10_240;
  const padded = Buffer.concat([tar, Buffer.alloc(end - tar.byteLength)]);
  const read = await accepted(padded);
  assert.match(read.warnings.join('\n'), /not written by `spell pack`/);
  const respelled = await accepted(firstHeaderWith(100, '0000644\0'));
  assert.match(respelled.warnings.join('\n'), /not written by `spell pack`/);
});

test('accepted with a warning: a file that is marked executable', async () => {
  const read = await accepted(await tarWith({ 'spell.wasm': { mode: 0o755 } }));
  assert.match(read.warnings.join('\n'), /not written by `spell pack`/);
});

test('writing refuses what could not be read again', () => {
  assert.throws(() => writePackage(new Map([['../x', Buffer.alloc(0)]])), /"\.\." segment/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPackage } from '../../src/provenance/index.js';
import {
  accepted,
  CYCLONEDX,
  lines,
  manifestWith,
  MANIFEST,
  packageWith,
  refused,
  SPDX,
  WASM,
  type Content,
} from './support.js';

const TOML = `
[spell]
key = "com.acme.resize"
name = "Resize"
version = "1.2.3"
description = "Makes images smaller."
license = "Apache-2.0"

[io]
input_format = "json"
output_format = "bytes"

[pricing]
model = "metered"
price_usd = 0.01
usd_per_gigafuel = "0.000001"

[metadata]
built = 2026-11-22T07:44:37Z
`;

test('TOML and JSON manifests give the same result', async () => {
  const json = manifestWith({
    pricing: { model: 'metered', price_usd: 0.01, usd_per_gigafuel: '0.000001' },
    metadata: { built: '2026-11-22T07:44:37.000Z' },
  });
  const fromJson = await accepted(packageWith({ 'manifest.json': json }));
  const fromToml = await accepted(packageWith({ 'manifest.json': null, 'manifest.toml': TOML }));
  assert.deepEqual(fromToml.package.manifest, fromJson.package.manifest);
});

test('a manifest survives being stored as JSON', async () => {
  const { manifest } = (await accepted(packageWith())).package;
  assert.deepEqual(JSON.parse(JSON.stringify(manifest)), manifest);
});

test('everything wrong is reported at once', async () => {
  const tar = packageWith({
    'manifest.json': { ...MANIFEST, runtime: { timeout_ms: 0, gpu: 1 }, extra: {} },
    'spell.wasm': 'not wasm',
    'schema.json': { $ref: 'https://evil.example/schema' },
    'sbom.spdx.json': { ...SPDX, dataLicense: 'MIT' },
    'README.md': Buffer.from([0xff]),
    'notes.txt': 'x',
  });
  const paths = (await refused(tar)).map(({ path }) => path).sort();
  assert.deepEqual(paths, [
    'README.md',
    'manifest.json/extra',
    'manifest.json/runtime/gpu',
    'manifest.json/runtime/timeout_ms',
    'notes.txt',
    'sbom.spdx.json/dataLicense',
    'schema.json/$ref',
    'spell.wasm',
  ]);
});

const REFUSALS: [string, Record<string, Content>, RegExp][] = [
  ['no manifest', { 'manifest.json': null }, /^manifest\.json\|manifest\.toml: is missing/],
  ['two manifests', { 'manifest.toml': TOML }, /^manifest\.toml: stands beside manifest\.json/],
  ['no module', { 'spell.wasm': null }, /^spell\.wasm: is missing/],
  [
    'a component',
    { 'spell.wasm': Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]) },
    /^spell\.wasm: is not a WebAssembly core module/,
  ],
  ['no SBOM', { 'sbom.spdx.json': null }, /^sbom\.spdx\.json\|sbom\.cdx\.json: is missing/],
  ['two SBOMs', { 'sbom.cdx.json': CYCLONEDX }, /^sbom\.cdx\.json: stands beside sbom\.spdx\.json/],
  ['no schema for JSON', { 'schema.json': null }, /^schema\.json: is missing/],
  ['unknown entry', { 'install.sh': '' }, /^install\.sh: does not belong into a package/],
  ['wrong case', { 'Readme.md': '' }, /^Readme\.md: does not belong/],
  ['huge README', { 'README.md': 'x'.repeat(256 * 1024 + 1) }, /^README\.md: larger than/],
  ['a NUL in the README', { 'README.md': 'a\0b' }, /^README\.md: contains a NUL/],
  ['huge manifest', { 'manifest.json': ' '.repeat(64 * 1024 + 1) }, /^manifest\.json: larger than/],
  ['huge schema', { 'schema.json': ' '.repeat(256 * 1024 + 1) }, /^schema\.json: larger than/],
  ['manifest that is no JSON', { 'manifest.json': '{' }, /^manifest\.json: cannot be read/],
  ['manifest that is an array', { 'manifest.json': [] }, /^manifest\.json: must be an object/],
  [
    'manifest that is no TOML',
    { 'manifest.json': null, 'manifest.toml': '[' },
    /^manifest\.toml: cannot be read/,
  ],
  [
    'deep manifest',
    { 'manifest.json': `{"metadata":{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}}` },
    /^manifest\.json: (nested deeper|cannot be read)/,
  ],
  [
    'a NUL in the manifest',
    { 'manifest.json': manifestWith({ metadata: { note: 'a\0b' } }) },
    /^manifest\.json\/metadata\/note: contains a NUL/,
  ],
  [
    '__proto__',
    { 'manifest.json': '{"metadata":{"__proto__":{}}}' },
    /^manifest\.json\/metadata: has a key "__proto__"/,
  ],
];

for (const [name, changes, line] of REFUSALS) {
  test(`refused: ${name}`, async () =>
    assert.match(lines(await refused(packageWith(changes))).join('\n'), line));
}

test('a refused package still shows its module, so that it can be checked as well', async () => {
  const read = await readPackage(packageWith({ 'schema.json': '[]' }));
  assert.deepEqual(!read.ok && read.wasm, WASM);
  const withoutModule = await readPackage(packageWith({ 'spell.wasm': 'x' }));
  assert.equal('wasm' in withoutModule, false);
});

test(
  'a document of millions of values is refused before anything is made of them',
  { timeout: 10_000 },
  async () => {
    const packages = `[${'{},'.repeat(1_000_000)}{}]`;
    const problems = await refused(packageWith({ 'sbom.spdx.json': `{"packages":${packages}}` }));
    assert.deepEqual(lines(problems), ['sbom.spdx.json: holds more than 100000 values']);
  },
);

test('text input needs no schema', async () => {
  const manifest = manifestWith({ io: { input_format: 'text', output_format: 'text' } });
  const read = await accepted(packageWith({ 'manifest.json': manifest, 'schema.json': null }));
  assert.equal(read.package.inputSchema, null);
});

test('a package with a thousand faults names a bounded number', async () => {
  const runtime = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`setting_${index}`, 1]));
  const read = await readPackage(packageWith({ 'manifest.json': manifestWith({ runtime }) }));
  assert.ok(!read.ok && read.problems.length === 100);
});

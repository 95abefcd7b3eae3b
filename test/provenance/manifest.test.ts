import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accepted, lines, MANIFEST, manifestWith, packageWith, refused } from './support.js';

async function problemsOf(changes: Record<string, unknown>): Promise<string> {
  return lines(await refused(packageWith({ 'manifest.json': manifestWith(changes) }))).join('\n');
}

const spell = (changes: object) => ({ spell: { ...MANIFEST.spell, ...changes } });
const runtime = (changes: object) => ({ runtime: changes });
const policy = (changes: object) => ({ runtime: { policy: changes } });

const REFUSALS: [string, Record<string, unknown>, RegExp][] = [
  ['no spell', { spell: undefined }, /^manifest\.json\/spell: /],
  ['no io', { io: undefined }, /^manifest\.json\/io: /],
  ['key of one segment', spell({ key: 'resize' }), /spell\/key: must be a reverse domain name/],
  ['key in upper case', spell({ key: 'com.Acme' }), /spell\/key/],
  ['key with an empty segment', spell({ key: 'com..acme' }), /spell\/key/],
  ['key with "@"', spell({ key: 'com.acme@1' }), /spell\/key/],
  ['long key', spell({ key: `com.${'a'.repeat(128)}` }), /spell\/key/],
  ['loose version', spell({ version: 'v1.2.3' }), /spell\/version: must be a semantic version/],
  ['short version', spell({ version: '1.2' }), /spell\/version/],
  ['build metadata', spell({ version: '1.2.3+5' }), /spell\/version/],
  ['script link', spell({ homepage: 'javascript:alert(1)' }), /spell\/homepage/],
  ['empty licence', spell({ license: ' ' }), /spell\/license/],
  ['too many tags', spell({ tags: Array.from({ length: 17 }, (_, i) => `t${i}`) }), /spell\/tags/],
  ['other entry', runtime({ entry: 'main' }), /runtime\/entry: only "_start"/],
  ['argument with NUL', runtime({ args: ['a\0b'] }), /runtime\/args\/0: contains a NUL/],
  ['argument as number', runtime({ args: [1] }), /runtime\/args\/0/],
  ['too many arguments', runtime({ args: Array.from({ length: 65 }, () => 'a') }), /runtime\/args/],
  ['long arguments', runtime({ args: ['x'.repeat(8 * 1024)] }), /runtime\/args: all together .* 8192 bytes/],
  ['timeout too long', runtime({ timeout_ms: 300_001 }), /runtime\/timeout_ms/],
  ['timeout as text', runtime({ timeout_ms: '10' }), /runtime\/timeout_ms/],
  ['memory of 0', runtime({ max_memory_mb: 0 }), /runtime\/max_memory_mb/],
  ['half a megabyte', runtime({ max_memory_mb: 1.5 }), /runtime\/max_memory_mb/],
  ['output too large', runtime({ max_output_mb: 51 }), /runtime\/max_output_mb/],
  ['fuel too large', runtime({ max_fuel: '9000000000000001' }), /runtime\/max_fuel/],
  ['fuel of 0', runtime({ max_fuel: 0 }), /runtime\/max_fuel/],
  ['fuel in words', runtime({ max_fuel: 'lots' }), /runtime\/max_fuel/],
  ['unknown setting', runtime({ gpu: true }), /runtime\/gpu: is not a known setting/],
  [
    'network',
    policy({ net_allow: ['api.acme.example'] }),
    /net_allow\/0: "api\.acme\.example" cannot be allowed: there is no network/,
  ],
  ['reading outside', policy({ fs_read: ['/etc'] }), /fs_read\/0: must be \/resources/],
  ['reading upwards', policy({ fs_read: ['/resources/../etc'] }), /fs_read\/0: may not contain/],
  ['reading what is not there', policy({ fs_read: ['/resources/none'] }), /fs_read\/0: there is nothing at/],
  ['variable without value', policy({ env_vars: ['HOME'] }), /env_vars\/0: must be NAME=value/],
  ['platform name', policy({ env_vars: ['SPELL_KEY=x'] }), /env_vars\/0: names that begin with SPELL_/],
  ['variable twice', policy({ env_vars: ['A=1', 'A=2'] }), /env_vars\/1: "A" is set more than once/],
  ['long value', policy({ env_vars: [`A=${'x'.repeat(1025)}`] }), /env_vars\/0: the value is longer/],
  ['other format', { io: { input_format: 'xml', output_format: 'text' } }, /io\/input_format/],
  ['supply_chain as text', { supply_chain: 'SLSA 3' }, /supply_chain/],
];

for (const [name, changes, line] of REFUSALS) {
  test(`refused: ${name}`, async () => assert.match(await problemsOf(changes), line));
}

test('every setting can be set', async () => {
  const settings = {
    entry: '_start',
    args: ['-c', 'all of it', '', 'x'.repeat(8 * 1024 - 15)],
    timeout_ms: 300_000,
    max_cpu_ms: 299_999,
    max_fuel: 9_000_000_000_000_000,
    max_memory_mb: 1024,
    max_stack_kb: 8192,
    max_output_mb: 50,
    max_log_kb: 8192,
    max_events: 50_000,
    max_input_kb: 1,
    max_argument_bytes: 8192,
    max_environment_bytes: 131_072,
    max_resource_mb: 1,
    max_resource_files: 2,
    policy: {
      fs_read: ['/resources/b', '/resources/a.txt'],
      net_allow: [],
      env_vars: ['MODE=a=b', 'EMPTY=', 'SPELL_KEY', 'SPELL_VERSION', 'SPELL_CAST_ID'],
      mode: 'real',
      tmp_mb: 64,
    },
  };
  const read = await accepted(packageWith({ 'manifest.json': manifestWith({ runtime: settings }) }));
  assert.deepEqual(read.package.manifest.runtime, settings);
});

test('fuel may be decimal digits', async () => {
  const read = await accepted(
    packageWith({ 'manifest.json': manifestWith({ runtime: { max_fuel: '5000000' } }) }),
  );
  assert.equal(read.package.manifest.runtime.max_fuel, 5_000_000);
});

test('the sections that may be absent have defaults', async () => {
  const { manifest } = (await accepted(packageWith())).package;
  assert.deepEqual(manifest.runtime, {
    entry: '_start',
    args: [],
    timeout_ms: 10_000,
    max_cpu_ms: 10_000,
    max_fuel: 10_000_000_000,
    max_memory_mb: 64,
    max_stack_kb: 1024,
    max_output_mb: 10,
    max_log_kb: 1024,
    max_events: 10_000,
    max_input_kb: 8192,
    max_argument_bytes: 8192,
    max_environment_bytes: 65_536,
    max_resource_mb: 64,
    max_resource_files: 1024,
    policy: { fs_read: ['/resources'], net_allow: [], env_vars: [], mode: 'deterministic', tmp_mb: 0 },
  });
  assert.deepEqual(manifest.pricing, { model: 'free', price_micros: '0', micros_per_gigafuel: '0' });
});

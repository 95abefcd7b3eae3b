import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { LIMIT_OPTIONS, limitsFor } from '../../src/cli/run-limits.js';
import { castFieldOf, optionOf, RUN_LIMITS, strictest, toRunLimits } from '../../src/limits/index.js';
import { declaredLimits, declaredMode, readPackage, type SpellManifest } from '../../src/provenance/index.js';
import { DEFAULT_STACK_BYTES, MAX_STACK_BYTES } from '../../src/sandbox/sandbox-limits.js';
import { MAX_TREES_BYTES } from '../../src/sandbox/index.js';
import { buildPackage } from '../support/packages.js';

type Row = (typeof RUN_LIMITS)[number];

/** A manifest that declares one limit, or what is wrong with it. */
async function declare(row: Row, value: unknown, more: Record<string, unknown> = {}) {
  const isPolicy = row.section === 'runtime.policy';
  const runtime = isPolicy ? { policy: { [row.field]: value } } : { [row.field]: value, ...more };
  return readPackage(await buildPackage({ guest: 'echo', runtime }));
}

/** What CPU time may be depends on the deadline, and what is longest needs the longest. */
const LONGEST = { timeout_ms: 300_000 };
const moreOf = (row: Row): Record<string, unknown> => (row.field === 'max_cpu_ms' ? LONGEST : {});

describe('every limit of the table', async () => {
  const schema = await readFile('schema/schema.graphql', 'utf8');
  const castInput = /^input CastLimitsInput \{\n[^}]*\}/m.exec(schema)?.[0] ?? '';
  const openapi = await readFile('schema/openapi.json', 'utf8');

  for (const row of RUN_LIMITS) {
    it(`${row.field}: what lies between least and most can be declared, and nothing else`, async () => {
      for (const value of [row.least, row.most]) {
        const read = await declare(row, value, moreOf(row));
        assert.ok(read.ok, `${value}: ${JSON.stringify(read.ok ? '' : read.problems)}`);
        const limit = declaredLimits(read.package.manifest)[row.key];
        assert.equal(BigInt(limit), BigInt(value) * BigInt(row.scale));
      }
      for (const value of [row.least - 1, row.most + 1, 1.5, true, null]) {
        const read = await declare(row, value, moreOf(row));
        assert.ok(!read.ok, `${value} was accepted`);
        const path = `manifest.json/${row.section.replace('.', '/')}/${row.field}`;
        assert.deepEqual([...new Set(read.problems.map((problem) => problem.path))], [path]);
      }
    });

    it(`${row.field}: a request, and spell run, can lower what is declared and not raise it`, async () => {
      assert.match(castInput, new RegExp(`^  ${castFieldOf(row)}: (Int|BigInt)$`, 'm'));
      assert.ok(openapi.includes(`"${row.field}"`));
      assert.ok(optionOf(row) in LIMIT_OPTIONS);
      const declared = toRunLimits({ [row.field]: row.least + 1, ...moreOf(row) });
      const lowered = limitsFor({ [optionOf(row)]: String(row.least) }, declared);
      assert.equal(BigInt(lowered[row.key]), BigInt(row.least) * BigInt(row.scale));
      for (const text of [String(row.least + 2), String(row.least - 1), '1e3', '']) {
        assert.throws(() => limitsFor({ [optionOf(row)]: text }, declared), /what the manifest allows/);
      }
      const stricter = strictest(declared, { [row.key]: lowered[row.key] });
      assert.equal(stricter[row.key], lowered[row.key]);
    });
  }

  it('a request that does not say has what is declared', () => {
    const declared = toRunLimits({});
    assert.deepEqual(strictest(declared, {}), declared);
    assert.deepEqual(limitsFor({}, declared), declared);
  });

  it('max_cpu_ms goes down with timeout_ms, and may not be declared above it', async () => {
    assert.equal(toRunLimits({ timeout_ms: 700 }).maxCpuMs, 700);
    assert.equal(strictest(toRunLimits({}), { timeoutMs: 700 }).maxCpuMs, 700);
    assert.equal(limitsFor({ 'timeout-ms': '700' }, null).maxCpuMs, 700);
    const read = await readPackage(
      await buildPackage({ guest: 'echo', runtime: { timeout_ms: 700, max_cpu_ms: 701 } }),
    );
    assert.ok(!read.ok);
    assert.match(
      read.problems[0]?.reason ?? '',
      /at most timeout_ms \(700\): the deadline would always come first/,
    );
  });

  it('a version published before a limit existed has its default', () => {
    const runtime = { timeout_ms: 500, max_memory_mb: 1, max_output_mb: 1, max_fuel: 5, policy: {} };
    const manifest = { runtime } as unknown as SpellManifest;
    const limits = declaredLimits(manifest);
    assert.equal(limits.maxEvents, 10_000);
    assert.equal(limits.maxCpuMs, 500);
    assert.equal(limits.maxTmpBytes, 0);
    assert.equal(declaredMode(manifest), 'deterministic');
  });

  it('the table agrees with what the sandbox can do', () => {
    const row = (field: string) => RUN_LIMITS.find((candidate) => candidate.field === field);
    assert.equal(Number(row('max_stack_kb')?.default) * 1024, DEFAULT_STACK_BYTES);
    assert.equal((row('max_stack_kb')?.most ?? 0) * 1024, MAX_STACK_BYTES);
    assert.ok((row('tmp_mb')?.most ?? 0) * 1024 * 1024 <= MAX_TREES_BYTES);
  });
});

describe('what a package brings along', () => {
  const refusedAt = async (options: Parameters<typeof buildPackage>[0]): Promise<string[]> => {
    const read = await readPackage(await buildPackage({ guest: 'echo', ...options }));
    return read.ok ? [] : read.problems.map(({ path }) => path.replace('manifest.json/runtime/', ''));
  };
  const argsOf = (bytes: number): string[] => ['x'.repeat(bytes - 1)];

  it('arguments: as many bytes as declared, and one more', async () => {
    assert.deepEqual(await refusedAt({ runtime: { args: argsOf(100), max_argument_bytes: 100 } }), []);
    assert.deepEqual(await refusedAt({ runtime: { args: argsOf(101), max_argument_bytes: 100 } }), ['args']);
  });

  it('environment: counted with the values of the platform', async () => {
    const runtime = { policy: { fs_read: [], env_vars: ['A=12345', 'SPELL_CAST_ID'] } };
    // "A=12345\0" and "SPELL_CAST_ID=<36 characters>\0"
    const bytes = 8 + 14 + 36 + 1;
    assert.deepEqual(await refusedAt({ runtime: { ...runtime, max_environment_bytes: bytes } }), []);
    const refused = await refusedAt({ runtime: { ...runtime, max_environment_bytes: bytes - 1 } });
    assert.deepEqual(refused, ['policy/env_vars']);
  });

  it('resources: bytes and files of what the guest sees, not of what it does not', async () => {
    const policy = { fs_read: ['/resources/seen'] };
    const resources = {
      'seen/a': 'a'.repeat(600_000),
      'seen/b': 'b'.repeat(600_000),
      hidden: 'c'.repeat(600_000),
    };
    const limited = (runtime: object) => refusedAt({ resources, runtime: { policy, ...runtime } });
    assert.deepEqual(await limited({ max_resource_mb: 2, max_resource_files: 2 }), []);
    assert.deepEqual(await limited({ max_resource_mb: 1 }), ['policy/fs_read']);
    assert.deepEqual(await limited({ max_resource_files: 1 }), ['policy/fs_read']);
  });
});

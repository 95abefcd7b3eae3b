import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sha256 } from '../../../src/platform/index.js';
import {
  CastDocument,
  PublishSpellDocument,
  type CastErrorCode,
  type CastInput,
} from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { assemble, buildPackage, type PackageOptions } from '../../support/packages.js';
import { runCast } from './run-cast.js';

const MIB = 1024 * 1024;
const METERED = { model: 'metered', price_usd: '0.001', usd_per_gigafuel: '2' };

const SIZE_SCHEMA = {
  type: 'object',
  required: ['width'],
  additionalProperties: false,
  properties: {
    width: { type: 'integer', minimum: 1 },
    nested: { type: 'object', properties: { list: { type: 'array' } } },
  },
};

describe('cast: how it ends', async () => {
  const harness = await startHarness();
  const { seed } = harness;
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);

  const publishAll = async <Name extends string>(options: Record<Name, PackageOptions>) => {
    const entries = Object.entries<PackageOptions>(options);
    const keys = await Promise.all(
      entries.map(async ([name, of]) => [name, await seed.spell(maker, of)] as const),
    );
    return Object.fromEntries(keys) as Record<Name, string>;
  };
  const spells = await publishAll({
    text: { guest: 'echo', runtime: { max_fuel: 1_000_000_000 } },
    json: { guest: 'echo', input: 'json', output: 'json', schema: SIZE_SCHEMA },
    bytes: { guest: 'echo', input: 'bytes', output: 'bytes' },
    textToJson: { guest: 'echo', output: 'json' },
    bytesToText: { guest: 'echo', input: 'bytes' },
    metered: { guest: 'echo', pricing: METERED, runtime: { max_fuel: 10_000_000 } },
    flat: { guest: 'echo', pricing: { model: 'flat', price_usd: '0.0123' } },
    endless: {
      guest: 'endless',
      pricing: METERED,
      runtime: { max_fuel: 9_000_000_000_000, timeout_ms: 60_000 },
    },
    flood: { guest: 'flood', output: 'bytes', runtime: { max_output_mb: 1 } },
    exit3: { guest: 'exit3', pricing: METERED },
    trap: { guest: 'trap', pricing: { model: 'flat', price_usd: '0.5' } },
    hungry: { guest: 'hungry', runtime: { max_memory_mb: 32 } },
    grower: { guest: 'grower', runtime: { max_memory_mb: 64 } },
  });
  const fails = async (code: CastErrorCode, input: CastInput) => {
    const cast = await runCast(client, input);
    assert.equal(cast.status, 'FAILED');
    assert.equal(cast.error?.code, code);
    assert.ok((cast.error?.message.length ?? 0) > 0);
    assert.equal(cast.output, null);
    assert.equal(cast.outputBase64, null);
    assert.equal(cast.artifact, null);
    assert.equal(cast.heldMicros, '0');
    return cast;
  };

  describe('formats', () => {
    it('ok: text in, text out, with its digest', async () => {
      const text = 'Grüße, 世界 🪄\u0000\n';
      const cast = await runCast(client, { spell: spells.text, input: text });
      assert.equal(cast.output, text);
      assert.equal(cast.outputBase64, Buffer.from(text).toString('base64'));
      assert.equal(cast.outputDigest, sha256(text));
    });

    it('ok: no input is an empty input', async () => {
      const cast = await runCast(client, { spell: spells.text });
      assert.equal(cast.status, 'SUCCEEDED');
      assert.equal(cast.output, '');
      assert.equal(cast.outputBase64, '');
    });

    it('ok: json in, json out, of any type', async () => {
      for (const value of [{ width: 5, nested: { list: [1, null, 'ü'] } }, { width: 1 }]) {
        assert.deepEqual((await runCast(client, { spell: spells.json, input: value })).output, value);
      }
      const any = ['a string', 42.5, true, null, [1, 2], {}];
      for (const value of any) {
        const cast = await runCast(client, { spell: spells.textToJson, input: JSON.stringify(value) });
        assert.equal(cast.status, 'SUCCEEDED');
        assert.deepEqual(cast.output, value);
      }
    });

    it('ok: bytes in, bytes out, as base64 only', async () => {
      const bytes = randomBytes(10_000);
      const cast = await runCast(client, { spell: spells.bytes, inputBase64: bytes.toString('base64') });
      assert.equal(cast.output, null);
      assert.equal(cast.outputBase64, bytes.toString('base64'));
      assert.equal(cast.outputDigest, sha256(bytes));
    });

    it('ok: inputBase64 for a spell that takes text or json', async () => {
      const text = await runCast(client, {
        spell: spells.text,
        inputBase64: Buffer.from('häh').toString('base64'),
      });
      assert.equal(text.output, 'häh');
      const json = await runCast(client, {
        spell: spells.json,
        inputBase64: Buffer.from('{ "width": 7 }').toString('base64'),
      });
      assert.deepEqual(json.output, { width: 7 });
      assert.equal(json.outputBase64, Buffer.from('{ "width": 7 }').toString('base64'));
    });

    it('INVALID_OUTPUT: json that is none, text that is not UTF-8', async () => {
      await fails('INVALID_OUTPUT', { spell: spells.textToJson, input: '{"open":' });
      await fails('INVALID_OUTPUT', { spell: spells.textToJson, input: '' });
      await fails('INVALID_OUTPUT', {
        spell: spells.bytesToText,
        inputBase64: Buffer.from([0x61, 0xff]).toString('base64'),
      });
    });

    it('bad input: every problem with the schema is named with its place', async () => {
      const input = { spell: spells.json, input: { width: 'wide', nested: { list: 'none' }, extra: 1 } };
      const error = await client.refusal(CastDocument, { input });
      assert.equal(error.extensions.code, 'BAD_USER_INPUT');
      const problems = error.extensions['problems'] as { path: string; reason: string }[];
      const paths = problems.map(({ path }) => path).sort();
      assert.deepEqual(paths, ['input', 'input/nested/list', 'input/width']);
    });

    it('bad input: what does not fit the format', async () => {
      const wrong: CastInput[] = [
        { spell: spells.json, inputBase64: Buffer.from('{"width":').toString('base64') },
        { spell: spells.json },
        { spell: spells.text, input: { not: 'a string' } },
        { spell: spells.text, inputBase64: Buffer.from([0xff]).toString('base64') },
        { spell: spells.text, input: 'both', inputBase64: 'Ym90aA==' },
        { spell: spells.bytes, input: 5 },
        { spell: spells.bytes, inputBase64: 'not base64!' },
        { spell: spells.bytes, inputBase64: 'abc' },
        { spell: spells.text, input: 'x', endUser: '' },
        { spell: spells.text, input: 'x', endUser: 'e'.repeat(256) },
      ];
      for (const input of wrong) {
        const error = await client.refusal(CastDocument, { input });
        assert.equal(error.extensions.code, 'BAD_USER_INPUT', JSON.stringify(input));
      }
    });
  });

  describe('sizes', () => {
    it('ok: 8 MiB of input', async () => {
      const bytes = randomBytes(8 * MIB);
      const cast = await runCast(client, { spell: spells.bytes, inputBase64: bytes.toString('base64') });
      assert.equal(cast.status, 'SUCCEEDED', JSON.stringify(cast.error));
      assert.equal(cast.outputDigest, sha256(bytes));
      assert.equal(cast.artifact?.sizeBytes, String(8 * MIB));
    });

    it('payload too large: one byte more', async () => {
      const inputBase64 = Buffer.alloc(8 * MIB + 1).toString('base64');
      const error = await client.refusal(CastDocument, { input: { spell: spells.bytes, inputBase64 } });
      assert.equal(error.extensions.code, 'PAYLOAD_TOO_LARGE');
      const text = await client.refusal(CastDocument, {
        input: { spell: spells.text, input: 'a'.repeat(8 * MIB + 1) },
      });
      assert.equal(text.extensions.code, 'PAYLOAD_TOO_LARGE');
    });
  });

  describe('limits', () => {
    it('ok: limits may be lowered', async () => {
      const limits = { timeoutMs: 5_000, maxFuel: '5000000', maxMemoryMb: 8 };
      const cast = await runCast(client, { spell: spells.text, input: 'x', limits });
      assert.equal(cast.status, 'SUCCEEDED');
      const [row] = await harness.app.database.query(
        `SELECT timeout_ms, max_fuel, max_memory_bytes FROM casts WHERE id = $1`,
        [cast.id],
      );
      assert.deepEqual(row, { timeout_ms: 5_000, max_fuel: '5000000', max_memory_bytes: String(8 * MIB) });
    });

    it('bad input: no limit may be raised or be nothing; all that is wrong is said at once', async () => {
      const raised = { timeoutMs: 10_001, maxFuel: '1000000001', maxMemoryMb: 65 };
      const error = await client.refusal(CastDocument, {
        input: { spell: spells.text, input: 'x', limits: raised },
      });
      assert.equal(error.extensions.code, 'BAD_USER_INPUT');
      const paths = (error.extensions['problems'] as { path: string }[]).map(({ path }) => path).sort();
      assert.deepEqual(paths, ['limits/maxFuel', 'limits/maxMemoryMb', 'limits/timeoutMs']);
      for (const limits of [{ timeoutMs: 0 }, { maxFuel: '0' }, { maxMemoryMb: -1 }]) {
        const { extensions } = await client.refusal(CastDocument, {
          input: { spell: spells.text, input: 'x', limits },
        });
        assert.equal(extensions.code, 'BAD_USER_INPUT', JSON.stringify(limits));
      }
    });

    it('DEADLINE_EXCEEDED: within the limit and one second more', async () => {
      const cast = await fails('DEADLINE_EXCEEDED', { spell: spells.endless, limits: { timeoutMs: 700 } });
      const ranMs = Date.parse(String(cast.finishedAt)) - Date.parse(String(cast.startedAt));
      assert.ok(ranMs >= 700 && ranMs < 1_700, `it ran ${ranMs} ms`);
      assert.ok((cast.durationMs ?? 0) >= 700);
    });

    it('MEMORY_EXCEEDED: by the limit of the manifest', async () => {
      const cast = await fails('MEMORY_EXCEEDED', { spell: spells.hungry });
      const peak = Number(cast.memoryPeakBytes);
      assert.ok(peak <= 32 * MIB && peak > 24 * MIB, `the peak is ${peak}`);
    });

    it('MEMORY_EXCEEDED: by a lower limit of this cast, though the manifest allows more', async () => {
      const cast = await runCast(client, { spell: spells.grower });
      assert.equal(cast.output, 'grown');
      assert.ok(Number(cast.memoryPeakBytes) >= 16 * MIB);
      await fails('MEMORY_EXCEEDED', { spell: spells.grower, limits: { maxMemoryMb: 8 } });
    });

    it('MEMORY_EXCEEDED: a module that begins with more than this cast allows', async () => {
      const wasm = assemble('(module (memory (export "memory") 32) (func (export "_start")))');
      const spell = await seed.spell(maker, { wasm, runtime: { max_memory_mb: 4 } });
      assert.equal((await runCast(client, { spell, limits: { maxMemoryMb: 2 } })).status, 'SUCCEEDED');
      await fails('MEMORY_EXCEEDED', { spell, limits: { maxMemoryMb: 1 } });
    });

    it('FUEL_EXHAUSTED: at exactly the limit', async () => {
      const cast = await fails('FUEL_EXHAUSTED', { spell: spells.endless, limits: { maxFuel: '1000000' } });
      assert.equal(cast.fuelUsed, '1000000');
    });

    it('FUEL_EXHAUSTED: one unit less than a cast needs, and not with exactly what it needs', async () => {
      const needed = BigInt((await runCast(client, { spell: spells.text, input: 'fuel' })).fuelUsed ?? '0');
      assert.ok(needed > 0n);
      const exact = await runCast(client, {
        spell: spells.text,
        input: 'fuel',
        limits: { maxFuel: needed.toString() },
      });
      assert.equal(exact.status, 'SUCCEEDED');
      await fails('FUEL_EXHAUSTED', {
        spell: spells.text,
        input: 'fuel',
        limits: { maxFuel: (needed - 1n).toString() },
      });
    });

    it('ok: the same input burns the same fuel every time', async () => {
      const input = randomBytes(50_000).toString('hex');
      const casts = await Promise.all(
        Array.from({ length: 8 }, () => runCast(client, { spell: spells.text, input })),
      );
      assert.equal(new Set(casts.map((cast) => cast.fuelUsed)).size, 1);
      assert.equal(new Set(casts.map((cast) => cast.memoryPeakBytes)).size, 1);
    });

    it('OUTPUT_TOO_LARGE, EXIT_NONZERO, TRAP', async () => {
      await fails('OUTPUT_TOO_LARGE', { spell: spells.flood });
      assert.match((await fails('EXIT_NONZERO', { spell: spells.exit3 })).error?.message ?? '', /3/);
      await fails('TRAP', { spell: spells.trap });
    });

    it('ok: whatever a guest did, the next cast of another runs', async () => {
      for (const spell of [spells.hungry, spells.trap, spells.flood]) await runCast(client, { spell });
      assert.equal((await runCast(client, { spell: spells.text, input: 'alive' })).output, 'alive');
    });
  });

  describe('price', () => {
    const hold = async (input: CastInput) => (await client.get(CastDocument, { input })).cast.cast.heldMicros;

    it('ok: free holds and costs nothing', async () => {
      assert.equal(await hold({ spell: spells.text, input: 'x' }), '0');
      assert.equal((await runCast(client, { spell: spells.text, input: 'x' })).costMicros, '0');
    });

    it('ok: flat holds and costs its price', async () => {
      assert.equal(await hold({ spell: spells.flat, input: 'x' }), '12300');
      const cast = await runCast(client, { spell: spells.flat, input: 'x' });
      assert.equal(cast.costMicros, '12300');
      assert.equal(cast.heldMicros, '0');
    });

    it('ok: metered holds the worst case and costs base plus fuel, rounded up once', async () => {
      assert.equal(await hold({ spell: spells.metered, input: 'x' }), '21000');
      const cast = await runCast(client, { spell: spells.metered, input: 'x'.repeat(70_000) });
      const fuel = BigInt(cast.fuelUsed ?? '0');
      const expected = 1_000n + (fuel * 2_000_000n + 999_999_999n) / 1_000_000_000n;
      assert.equal(cast.costMicros, expected.toString());
      assert.ok(expected > 1_000n);
    });

    it('ok: a failure of the guest costs nothing; a limit that was reached costs what was burned', async () => {
      assert.equal((await runCast(client, { spell: spells.trap })).costMicros, '0');
      assert.equal((await runCast(client, { spell: spells.exit3 })).costMicros, '0');
      const burned = await runCast(client, { spell: spells.endless, limits: { maxFuel: '1000000' } });
      assert.equal(burned.costMicros, '2000');
    });

    it('ok: maxCostMicros lowers the fuel until its price fits', async () => {
      const input = { spell: spells.endless, maxCostMicros: '4000' };
      assert.equal(await hold(input), '4000');
      const cast = await fails('FUEL_EXHAUSTED', input);
      assert.equal(cast.fuelUsed, '1500000');
      assert.ok(BigInt(cast.costMicros ?? '0') <= 4_000n);
    });

    it('ok: maxCostMicros that is enough changes nothing', async () => {
      assert.equal(await hold({ spell: spells.metered, input: 'x', maxCostMicros: '21000' }), '21000');
      assert.equal(await hold({ spell: spells.flat, input: 'x', maxCostMicros: '12300' }), '12300');
      assert.equal(await hold({ spell: spells.text, input: 'x', maxCostMicros: '0' }), '0');
    });

    it('bad input: maxCostMicros below the least that it can cost', async () => {
      const wrong = [
        { spell: spells.flat, input: 'x', maxCostMicros: '12299' },
        { spell: spells.metered, input: 'x', maxCostMicros: '1000' },
        { spell: spells.text, input: 'x', maxCostMicros: '-1' },
      ];
      for (const input of wrong) {
        const error = await client.refusal(CastDocument, { input });
        assert.equal(error.extensions.code, 'BAD_USER_INPUT', input.maxCostMicros);
        assert.equal((error.extensions['problems'] as { path: string }[])[0]?.path, 'maxCostMicros');
      }
    });
  });

  describe('what the guest sees', () => {
    it('ok: its key as argument, the variables of its policy, and nothing of ours', async () => {
      const spell = await seed.spell(maker, {
        guest: 'environment',
        version: '3.2.1',
        runtime: {
          policy: {
            fs_read: [],
            env_vars: ['SPELL_KEY', 'SPELL_VERSION', 'SPELL_CAST_ID', 'MODE=fast=yes', 'EMPTY='],
          },
        },
      });
      const cast = await runCast(client, { spell });
      const [args = '', environment = ''] = String(cast.output).split('\n');
      assert.equal(args, `${spell}\0`);
      const expected = [
        `SPELL_KEY=${spell}`,
        'SPELL_VERSION=3.2.1',
        `SPELL_CAST_ID=${cast.id}`,
        'MODE=fast=yes',
        'EMPTY=',
      ];
      assert.deepEqual(
        environment
          .split('\0')
          .filter((entry) => entry !== '')
          .sort(),
        expected.sort(),
      );
    });

    it('ok: no variables without a policy', async () => {
      const spell = await seed.spell(maker, { guest: 'environment' });
      assert.equal((await runCast(client, { spell })).output, `${spell}\0\n`);
    });

    it('ok: its resources, as far as its policy lets it', async () => {
      const resources = { 'open/a.txt': 'free to read', 'closed/b.txt': 'not for you' };
      const spell = await seed.spell(maker, {
        guest: 'resource',
        resources,
        runtime: { policy: { fs_read: ['/resources/open'] } },
      });
      assert.equal((await runCast(client, { spell, input: 'open/a.txt' })).output, 'free to read');
      for (const path of [
        'closed/b.txt',
        'open/../closed/b.txt',
        '../etc/passwd',
        '/etc/passwd',
        'open/none.txt',
      ]) {
        await fails('EXIT_NONZERO', { spell, input: path });
      }
    });

    it('ok: two spells with resources of the same name see their own', async () => {
      const of = (text: string) => seed.spell(maker, { guest: 'resource', resources: { 'a.txt': text } });
      const [one, two] = [await of('one'), await of('two')];
      for (let i = 0; i < 3; i++) {
        const outputs = await Promise.all(
          [one, two].map((spell) => runCast(client, { spell, input: 'a.txt' })),
        );
        assert.deepEqual(
          outputs.map(({ output }) => output),
          ['one', 'two'],
        );
      }
    });
  });
});

describe('cast: a stored module that was changed', async () => {
  // One attempt, because every attempt meets the same bytes.
  const { seed, config } = await startHarness({ environment: { SPELL_ATTEMPTS_MAX: '1' } });
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);

  it('FAILED: the changed bytes are never run', async () => {
    const key = 'com.example.tampered';
    const bytes = await buildPackage({ key, guest: 'trap' });
    const input = { packageBase64: bytes.toString('base64') };
    const { publishSpell } = await maker.client.get(PublishSpellDocument, { input });
    const echo = await maker.client.get(PublishSpellDocument, {
      input: {
        packageBase64: (await buildPackage({ key: 'com.example.harmless', guest: 'echo' })).toString(
          'base64',
        ),
      },
    });
    const file = async (digest: string) => {
      const folder = join(config.dataDir, 'blobs', 'sha256', digest.slice(7, 9));
      const name = (await readdir(folder)).find((entry) => digest.endsWith(entry));
      return join(folder, name ?? '');
    };
    const other = await readFile(await file(echo.publishSpell.version.preparedModuleDigest));
    await writeFile(await file(publishSpell.version.preparedModuleDigest), other);
    const cast = await runCast(client, { spell: key, input: 'would be echoed' });
    assert.equal(cast.status, 'FAILED');
    assert.equal(cast.outputBase64, null);
    assert.equal(cast.error?.code, 'POLICY_VIOLATION');
    assert.equal(
      (await runCast(client, { spell: 'com.example.harmless', input: 'still runs' })).output,
      'still runs',
    );
  });
});

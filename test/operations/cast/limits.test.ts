import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CastLimitsInput, CastPartsFragment } from '../../support/gql/graphql.js';
import { CastDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import type { PackageOptions } from '../../support/packages.js';
import { CHANCE, DIGGER, FILLER, SLEEPER, STUTTERER, TALKER } from './limit-guests.js';
import { runCast } from './run-cast.js';

const Errno = { badf: 8, nospc: 51 };

interface Case {
  limit: string;
  spell: PackageOptions;
  /** Passed when the manifest declares it, and when the request says it. */
  declared?: Record<string, unknown>;
  asked: CastLimitsInput;
  ends: (cast: CastPartsFragment) => void;
}

describe('cast: every limit, declared low and passed', async () => {
  const harness = await startHarness();
  const { seed } = harness;
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);

  const failsWith =
    (code: string, message: RegExp) =>
    (cast: CastPartsFragment): void => {
      assert.equal(cast.error?.code, code, JSON.stringify(cast.error));
      assert.match(cast.error.message, message);
    };
  const endless = { guest: 'endless', runtime: { max_fuel: 9_000_000_000_000 } } as const;
  const cases: Case[] = [
    {
      limit: 'max_cpu_ms',
      spell: endless,
      declared: { max_cpu_ms: 100 },
      asked: { maxCpuMs: 100 },
      ends: (cast) => {
        failsWith('DEADLINE_EXCEEDED', /more than 100 ms of CPU time/)(cast);
        assert.ok((cast.durationMs ?? Infinity) < 9_000, 'the deadline came first');
      },
    },
    {
      limit: 'timeout_ms',
      spell: endless,
      declared: { timeout_ms: 200 },
      asked: { timeoutMs: 200 },
      ends: failsWith('DEADLINE_EXCEEDED', /ran longer than 200 ms/),
    },
    {
      limit: 'max_fuel',
      spell: { guest: 'endless' },
      declared: { max_fuel: 1_000 },
      asked: { maxFuel: '1000' },
      ends: failsWith('FUEL_EXHAUSTED', /all of its fuel/),
    },
    {
      limit: 'max_memory_mb',
      spell: { guest: 'hungry' },
      declared: { max_memory_mb: 2 },
      asked: { maxMemoryMb: 2 },
      ends: failsWith('MEMORY_EXCEEDED', /more memory than its limit/),
    },
    {
      limit: 'max_stack_kb',
      spell: { wasm: DIGGER, runtime: { max_stack_kb: 8192 } },
      declared: { max_stack_kb: 128 },
      asked: { maxStackKb: 128 },
      ends: failsWith('TRAP', /call stack exhausted/),
    },
    {
      limit: 'max_output_mb',
      spell: { guest: 'flood', output: 'bytes' },
      declared: { max_output_mb: 1 },
      asked: { maxOutputMb: 1 },
      ends: failsWith('OUTPUT_TOO_LARGE', /more output than its limit/),
    },
    {
      limit: 'max_events',
      spell: { wasm: STUTTERER, output: 'bytes' },
      declared: { max_events: 10 },
      asked: { maxEvents: 10 },
      ends: failsWith('OUTPUT_TOO_LARGE', /more pieces than its limit/),
    },
    {
      limit: 'max_argument_bytes',
      spell: { guest: 'environment', runtime: { args: ['one', 'two'] } },
      asked: { maxArgumentBytes: 7 },
      ends: failsWith('POLICY_VIOLATION', /arguments of the run have 8 bytes; its limit is 7/),
    },
    {
      limit: 'max_environment_bytes',
      spell: { guest: 'environment', runtime: { policy: { fs_read: [], env_vars: ['A=b'] } } },
      asked: { maxEnvironmentBytes: 3 },
      ends: failsWith('POLICY_VIOLATION', /environment of the run have 4 bytes; its limit is 3/),
    },
    {
      limit: 'max_resource_mb',
      spell: { guest: 'exit3', resources: { a: 'a'.repeat(700_000), b: 'b'.repeat(700_000) } },
      asked: { maxResourceMb: 1 },
      ends: failsWith('POLICY_VIOLATION', /resources of the run have 1400000 bytes; its limit is 1048576/),
    },
    {
      limit: 'max_resource_files',
      spell: { guest: 'exit3', resources: { a: 'a', b: 'b' } },
      asked: { maxResourceFiles: 1 },
      ends: failsWith('POLICY_VIOLATION', /resources of the run have 2 files; its limit is 1/),
    },
    {
      limit: 'tmp_mb',
      spell: { wasm: FILLER, runtime: { policy: { fs_read: [], tmp_mb: 2 } } },
      asked: { tmpMb: 1 },
      ends: failsWith('EXIT_NONZERO', new RegExp(`code ${Errno.nospc}`)),
    },
  ];
  const withRuntime = (spell: PackageOptions, runtime: object): PackageOptions => ({
    ...spell,
    runtime: { ...spell.runtime, ...runtime },
  });

  for (const { limit, spell, declared, asked, ends } of cases) {
    it(`${limit}: lowered by the request`, async () => {
      ends(await runCast(client, { spell: await seed.spell(maker, spell), limits: asked }));
    });
    if (declared === undefined) continue;
    it(`${limit}: declared by the manifest`, async () => {
      ends(await runCast(client, { spell: await seed.spell(maker, withRuntime(spell, declared)) }));
    });
  }

  it('max_log_kb: what is more is dropped with one line that says so, and the cast goes on', async () => {
    const logOf = async (input: { spell: string; limits?: CastLimitsInput }) => {
      const { cast } = await client.get(CastDocument, { input });
      const events = await client.watch(cast.cast.id);
      const last = events.at(-1);
      assert.equal(last?.__typename === 'CastFinished' && last.cast.status, 'SUCCEEDED');
      return events.map((event) => (event.__typename === 'CastLog' ? event.text : '')).join('');
    };
    const cut = /^\0{1024}\n\[spell: the log passed its limit of 1024 bytes; the rest is dropped\]\n$/;
    const quiet = await seed.spell(maker, { wasm: TALKER, runtime: { max_log_kb: 1 } });
    assert.match(await logOf({ spell: quiet }), cut);
    const spell = await seed.spell(maker, { wasm: TALKER });
    assert.match(await logOf({ spell, limits: { maxLogKb: 1 } }), cut);
    assert.equal((await logOf({ spell })).length, 4096);
  });

  it('max_input_kb: a larger input is refused before anything is held', async () => {
    const small = await seed.spell(maker, { guest: 'echo', runtime: { max_input_kb: 1 } });
    const spell = await seed.spell(maker, { guest: 'echo' });
    const input = 'x'.repeat(1025);
    for (const request of [
      { spell: small, input },
      { spell, input, limits: { maxInputKb: 1 } },
    ]) {
      const { extensions } = await client.refusal(CastDocument, { input: request });
      assert.equal(extensions.code, 'PAYLOAD_TOO_LARGE');
    }
    assert.equal((await runCast(client, { spell: small, input: 'x'.repeat(1024) })).status, 'SUCCEEDED');
  });

  it('max_stack_kb: a deeper stack may be declared', async () => {
    const spell = await seed.spell(maker, { wasm: DIGGER, runtime: { max_stack_kb: 8192 } });
    const cast = await runCast(client, { spell, limits: { maxStackKb: 8192 } });
    assert.equal(cast.status, 'SUCCEEDED', JSON.stringify(cast.error));
  });

  it('max_cpu_ms: sleeping uses none of it', async () => {
    const spell = await seed.spell(maker, { wasm: SLEEPER, runtime: { max_cpu_ms: 200 } });
    const cast = await runCast(client, { spell });
    assert.equal(cast.status, 'SUCCEEDED', JSON.stringify(cast.error));
    assert.ok((cast.durationMs ?? 0) >= 400);
  });

  it('tmp_mb: without it there is no /tmp, and each cast begins with an empty one', async () => {
    const none = await seed.spell(maker, { wasm: FILLER });
    assert.match(
      (await runCast(client, { spell: none })).error?.message ?? '',
      new RegExp(`code ${Errno.badf}`),
    );
    const spell = await seed.spell(maker, {
      wasm: FILLER,
      runtime: { policy: { fs_read: [], tmp_mb: 1 } },
    });
    const casts = [await runCast(client, { spell }), await runCast(client, { spell })];
    for (const cast of casts) assert.match(cast.error?.message ?? '', new RegExp(`code ${Errno.nospc}`));
    assert.equal(casts[0]?.fuelUsed, casts[1]?.fuelUsed);
    const { extensions } = await client.refusal(CastDocument, { input: { spell, limits: { tmpMb: 2 } } });
    assert.equal(extensions.code, 'BAD_USER_INPUT');
  });

  it('two requests that differ in a limit are not the same request', async () => {
    const spell = await seed.spell(maker, { guest: 'echo' });
    const input = { spell, input: 'x', idempotencyKey: 'limits', limits: { maxEvents: 5, maxLogKb: 7 } };
    const { cast } = await client.get(CastDocument, { input });
    const again = await client.get(CastDocument, {
      input: { ...input, limits: { maxLogKb: 7, maxEvents: 5 } },
    });
    assert.equal(again.cast.cast.id, cast.cast.id);
    const { extensions } = await client.refusal(CastDocument, {
      input: { ...input, limits: { maxEvents: 6, maxLogKb: 7 } },
    });
    assert.equal(extensions.code, 'IDEMPOTENCY_MISMATCH');
  });

  it('over REST a limit has the name of the manifest', async () => {
    const spell = await seed.spell(maker, { wasm: STUTTERER, output: 'bytes' });
    const post = async (limits: object) => {
      const response = await client.fetch('/v1/cast', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ spell_name: spell, limits }),
      });
      return (await response.json()) as {
        error?: { code: string };
        code?: string;
        problems?: { path: string }[];
      };
    };
    assert.equal((await post({ max_events: 10 })).error?.code, 'OUTPUT_TOO_LARGE');
    const refused = await post({ max_events: 10_001, tmp_mb: 1 });
    assert.deepEqual(refused.problems?.map(({ path }) => path).sort(), [
      'limits/max_events',
      'limits/tmp_mb',
    ]);
  });

  describe('mode', () => {
    const outputOf = async (spell: string, input = ''): Promise<Buffer> => {
      const inputBase64 = Buffer.from(input).toString('base64');
      const cast = await runCast(client, { spell, inputBase64 });
      assert.equal(cast.status, 'SUCCEEDED', JSON.stringify(cast.error));
      return Buffer.from(cast.outputBase64 ?? '', 'base64');
    };
    const timeMs = (output: Buffer): number => Number(output.readBigUInt64LE() / 1_000_000n);

    it('deterministic, unless the manifest says otherwise: the same time and chance for the same input', async () => {
      const spell = await seed.spell(maker, { wasm: CHANCE, output: 'bytes' });
      const outputs = [await outputOf(spell), await outputOf(spell)];
      assert.equal(timeMs(outputs[0] ?? Buffer.alloc(8)), Date.UTC(2026, 0, 1));
      assert.deepEqual(outputs[0], outputs[1]);
      const other = await outputOf(spell, 'another input');
      assert.notDeepEqual(outputs[0]?.subarray(8), other.subarray(8));
    });

    it('real: time and chance are the host’s, also within one cast that runs again', async () => {
      const runtime = { policy: { fs_read: [], mode: 'real' } };
      const spell = await seed.spell(maker, { wasm: CHANCE, output: 'bytes', runtime });
      const beforeMs = Date.now();
      const outputs = [await outputOf(spell), await outputOf(spell)];
      for (const output of outputs) assert.ok(timeMs(output) >= beforeMs && timeMs(output) <= Date.now());
      assert.notDeepEqual(outputs[0]?.subarray(8), outputs[1]?.subarray(8));
    });
  });
});

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import type { Receipt } from '../../src/casts/index.js';
import { replayReceiptFile, type Replay } from '../../src/cli/replay-receipt-file.js';
import { runCast } from '../operations/cast/run-cast.js';
import { receiptFile } from '../receipts/support.js';
import type { CastInput } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { assemble, buildPackage, type PackageOptions } from '../support/packages.js';
import { Desk, spell } from './spell.js';

/** Writes its arguments' sizes, the time, and 16 random bytes: all that a replay has to give it again. */
const CURIOUS = assemble(`(module
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (local $i i32)
    (drop (call $args (i32.const 1024) (i32.const 2048)))
    (drop (call $environ (i32.const 1536) (i32.const 3072)))
    (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 4096)))
    (drop (call $random (i32.const 4104) (i32.const 16)))
    ;; As many turns as the first random byte says: the fuel depends on it.
    (local.set $i (i32.load8_u (i32.const 4104)))
    (block $done (loop $turn
      (br_if $done (i32.eqz (local.get $i)))
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br $turn)))
    (i32.store (i32.const 0) (i32.const 4120))
    (i32.store (i32.const 4) (i32.const 64))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
    (i32.store (i32.const 0) (i32.const 2048))
    (i32.store (i32.const 4) (i32.const 4096))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))`);

describe('spell replay', async () => {
  const desk = await Desk.set();
  after(() => desk.clear());
  const harness = await startHarness();
  const { client } = await harness.seed.account(['cast', 'publish']);
  let count = 0;

  /** Casts a new spell and puts its receipt, its package and its input on the desk. */
  const castOnce = async (
    options: PackageOptions,
    input: { input?: string; limits?: CastInput['limits'] } = {},
  ) => {
    count += 1;
    const key = `com.example.replayed-${count}`;
    const tar = await buildPackage({ ...options, key });
    await client.fetch('/v1/spells', {
      method: 'POST',
      body: JSON.stringify({ package_base64: tar.toString('base64') }),
    });
    const cast = await runCast(client, { spell: key, ...input });
    const file = await receiptFile(client, cast.id);
    const { content } = JSON.parse(file.toString()) as Receipt;
    return {
      content,
      receipt: await desk.file(`${key}.json`, file),
      tar: await desk.file(`${key}.tar`, tar),
      input: await desk.file(`${key}.input`, input.input ?? ''),
    };
  };
  type Made = Awaited<ReturnType<typeof castOnce>>;
  const replay = ({ receipt, tar, input }: Made) => replayReceiptFile(receipt, { package: tar, input });
  const failing = ({ checks }: Replay) => checks.filter(({ ok }) => !ok).map(({ name }) => name);

  it('ok: time, chance, arguments, environment and input are what they were', async () => {
    const runtime = {
      args: ['--loud', 'x'],
      policy: { env_vars: ['SPELL_CAST_ID', 'SPELL_VERSION', 'A=b'], fs_read: [] },
    };
    const made = await castOnce({ wasm: CURIOUS, output: 'bytes', runtime }, { input: 'something to read' });
    assert.equal(made.content.ending.status, 'SUCCEEDED');
    const args = ['replay', made.receipt, '--package', made.tar, '--input', made.input, '--json'];
    const { code, stdout } = await spell(args);
    const done = JSON.parse(stdout.toString()) as Replay;
    assert.equal(code, 0, stdout.toString());
    assert.deepEqual([done.replayed, done.same, done.reason], [true, true, null]);
    assert.deepEqual(
      done.checks.map(({ name }) => name),
      ['package', 'input', 'ending', 'output', 'fuel'],
    );
    assert.equal(done.checks.at(-1)?.detail, made.content.ending.fuelUsed);
  });

  for (const [what, options, code] of [
    ['trapped', { guest: 'trap' }, 'TRAP'],
    ['exited with an error', { guest: 'exit3' }, 'EXIT_NONZERO'],
    ['used all its fuel', { guest: 'endless', runtime: { max_fuel: 100_000 } }, 'FUEL_EXHAUSTED'],
    ['wrote what it had not declared', { guest: 'echo', output: 'json' }, 'INVALID_OUTPUT'],
  ] as const)
    it(`ok: a cast that ${what} does so again`, async () => {
      const made = await castOnce(options, { input: 'no json' });
      assert.equal(made.content.ending.errorCode, code);
      const done = await replay(made);
      assert.deepEqual([done.same, failing(done)], [true, []], JSON.stringify(done));
    });

  it('ok: what a request lowered binds the replay too', async () => {
    const made = await castOnce({ guest: 'endless' }, { limits: { maxFuel: '54321' } });
    assert.equal(made.content.ending.fuelUsed, '54321');
    assert.equal((await replay(made)).same, true);
  });

  it('not the same: another output or other fuel in the receipt, each named, exit code 1', async () => {
    const made = await castOnce({ guest: 'echo' }, { input: 'said' });
    const { content } = made;
    const changed = async (ending: object, output: object) => {
      const receipt = JSON.parse((await receiptFile(client, content.castId)).toString()) as Receipt;
      Object.assign(receipt.content.ending, ending);
      Object.assign(receipt.content.output ?? {}, output);
      return { ...made, receipt: await desk.file('changed.json', JSON.stringify(receipt)) };
    };
    const fuelUsed = String(BigInt(content.ending.fuelUsed ?? 0) + 1n);
    assert.deepEqual(failing(await replay(await changed({ fuelUsed }, {}))), ['fuel']);
    const digest = `sha256:${'0'.repeat(64)}`;
    const done = await replay(await changed({}, { digest }));
    assert.deepEqual([done.replayed, done.same, failing(done)], [true, false, ['output']]);
    const { receipt, tar, input } = await changed({ exitCode: 1 }, {});
    const { code, stdout } = await spell(['replay', receipt, '--package', tar, '--input', input]);
    assert.equal(code, 1);
    assert.match(stdout.toString(), /^FAIL +ending +.*exit code 0 here.*exit code 1 in the receipt$/m);
  });

  it('not the same: another package or input is refused before anything runs', async () => {
    const made = await castOnce({ guest: 'echo' }, { input: 'said' });
    const other = await castOnce({ guest: 'exit3' });
    const wrong = await replay({ ...made, tar: other.tar, input: other.input });
    assert.deepEqual([wrong.same, wrong.replayed, failing(wrong)], [false, false, ['package', 'input']]);
  });

  it('cannot be replayed: real time and chance, a deadline, and says why with exit code 3', async () => {
    const real = await castOnce(
      { guest: 'echo', runtime: { policy: { mode: 'real', fs_read: [] } } },
      { input: 'x' },
    );
    const late = await castOnce({
      guest: 'endless',
      runtime: { timeout_ms: 100, max_fuel: 9_000_000_000_000 },
    });
    for (const [made, why] of [
      [real, /real mode/],
      [late, /stopped by a clock/],
    ] as const) {
      const done = await replay(made);
      assert.deepEqual([done.replayed, done.same], [false, false]);
      assert.match(done.reason ?? '', why);
    }
    const { code, stdout } = await spell(['replay', real.receipt, '--package', real.tar]);
    assert.equal(code, 3);
    assert.match(stdout.toString(), /^cannot be replayed: it ran in real mode/);
  });

  it('cannot be replayed: a module that this version meters otherwise than the receipt says', async () => {
    const made = await castOnce({ guest: 'echo' });
    const receipt = JSON.parse(await readFile(made.receipt, 'utf8')) as Receipt;
    receipt.content.spell.meteredDigest = `sha256:${'0'.repeat(64)}`;
    const path = await desk.file('otherwise.json', JSON.stringify(receipt));
    const done = await replay({ ...made, receipt: path });
    assert.deepEqual([done.replayed, done.same], [false, false]);
    assert.match(done.reason ?? '', /the receipt says that sha256:0+ ran/);
  });

  it('cannot be replayed: what is no receipt', async () => {
    const made = await castOnce({ guest: 'echo' });
    const done = await replay({ ...made, receipt: made.tar });
    assert.match(done.reason ?? '', /^it is no receipt: /);
  });

  it('wrong use: no package', async () => {
    const made = await castOnce({ guest: 'echo' });
    const { code, stderr } = await spell(['replay', made.receipt]);
    assert.equal(code, 2);
    assert.match(stderr, /which package/);
  });
});

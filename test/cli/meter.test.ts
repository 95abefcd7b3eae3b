import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readPackage } from '../../src/provenance/index.js';
import { prepareModule } from '../../src/sandbox/index.js';
import { DEFAULT_LIMITS, limitsFor } from '../../src/cli/run-limits.js';
import { assemble, buildPackage, guestModule } from '../support/packages.js';
import { Desk, spell } from './spell.js';

const FOREIGN = assemble(
  '(module (import "env" "a" (func)) (import "env" "b" (func)) (memory 1) (func (export "_start")))',
);

describe('spell meter', () => {
  let desk: Desk;
  before(async () => {
    desk = await Desk.set();
  });
  after(() => desk.clear());

  it('ok: writes the bytes that publishing would store, and says what it did', async () => {
    const module = guestModule('echo');
    const path = await desk.file('echo.wasm', module);
    const output = join(desk.folder, 'metered.wasm');
    const done = await spell(['meter', path, '-o', output]);
    assert.equal(done.code, 0, done.stderr);
    const prepared = await prepareModule(module);
    assert.ok(prepared.ok);
    assert.ok((await readFile(output)).equals(prepared.bytes));
    for (const word of [
      `${module.length} bytes`,
      `${prepared.bytes.length} bytes`,
      'cost table',
      '2 pages',
      'fd_read',
      ' %',
    ])
      assert.ok(done.stdout.includes(word), word);
  });

  it('ok: --json says the same to programs; without -o nothing is written', async () => {
    const path = await desk.file('echo.wasm', guestModule('echo'));
    const { code, stdout } = await spell(['meter', path, '--json']);
    assert.equal(code, 0);
    const report = JSON.parse(stdout.toString()) as Record<string, unknown>;
    assert.equal(report['ok'], true);
    assert.equal(report['initialPages'], 2);
    assert.equal(report['maximumPages'], null);
    assert.match(String(report['meteredDigest']), /^sha256:[0-9a-f]{64}$/);
    assert.ok((report['imports'] as string[]).includes('wasi_snapshot_preview1.fd_write'));
  });

  it('refused: exit code 1 with every problem, and no file', async () => {
    const path = await desk.file('foreign.wasm', FOREIGN);
    const output = join(desk.folder, 'never.wasm');
    const done = await spell(['meter', path, '-o', output]);
    assert.equal(done.code, 1);
    assert.match(done.stderr, /env\.a[^]*env\.b/);
    await assert.rejects(readFile(output), /ENOENT/);
    const json = await spell(['meter', path, '--json']);
    const report = JSON.parse(json.stdout.toString()) as { ok: boolean; problems: unknown[] };
    assert.deepEqual([json.code, report.ok, report.problems.length], [1, false, 2]);
  });

  it('wrong use: exit code 2 and a reason', async () => {
    for (const args of [
      ['meter'],
      ['meter', '/absent.wasm'],
      ['meter', 'a', 'b'],
      ['meter', '--no'],
      ['metre'],
    ]) {
      const done = await spell(args);
      assert.equal(done.code, 2, args.join(' '));
      assert.match(done.stderr, /^spell: ./);
    }
    assert.equal((await spell(['meter', '--help'])).code, 0);
  });
});

describe('what the desk shares with the server', () => {
  it('ok: a module runs under what an empty manifest declares', async () => {
    const read = await readPackage(await buildPackage({ guest: 'echo', runtime: { policy: undefined } }));
    assert.ok(read.ok, JSON.stringify(read));
    const { runtime } = read.package.manifest;
    assert.deepEqual(limitsFor({}, null), DEFAULT_LIMITS);
    assert.equal(DEFAULT_LIMITS.timeoutMs, runtime.timeout_ms);
    assert.equal(DEFAULT_LIMITS.maxMemoryBytes, runtime.max_memory_mb * 1024 * 1024);
    assert.equal(DEFAULT_LIMITS.maxOutputBytes, runtime.max_output_mb * 1024 * 1024);
    assert.equal(DEFAULT_LIMITS.maxFuel, BigInt(runtime.max_fuel));
  });

  it('ok: no more can be asked for than a manifest may declare', async () => {
    const most = {
      timeout_ms: 300_000,
      max_memory_mb: 1024,
      max_output_mb: 50,
      max_fuel: 9_000_000_000_000_000,
    };
    const isPublishable = async (runtime: Record<string, unknown>): Promise<boolean> =>
      (await readPackage(await buildPackage({ guest: 'echo', runtime }))).ok;
    assert.ok(await isPublishable(most));
    for (const [key, option] of [
      ['timeout_ms', 'timeout-ms'],
      ['max_memory_mb', 'max-memory-mb'],
      ['max_output_mb', 'max-output-mb'],
      ['max_fuel', 'max-fuel'],
    ] as const) {
      limitsFor({ [option]: String(most[key]) }, null);
      const more = most[key] + 1;
      assert.throws(() => limitsFor({ [option]: String(more) }, null), /what any manifest may declare/);
      assert.equal(await isPublishable({ [key]: more }), false);
    }
  });
});

describe('spell pack and spell check', () => {
  let desk: Desk;
  before(async () => {
    desk = await Desk.set();
  });
  after(() => desk.clear());

  it('ok: check says nothing of a good package, and every problem of a bad one', async () => {
    const good = await desk.file('good.tar', await buildPackage({ guest: 'echo' }));
    assert.deepEqual(await spell(['check', good]), { code: 0, stdout: Buffer.alloc(0), stderr: '' });
    const bad = await buildPackage({ wasm: FOREIGN, entries: { 'note.txt': 'x' } });
    const done = await spell(['check', await desk.file('bad.tar', bad)]);
    assert.equal(done.code, 1);
    assert.match(done.stderr, /note\.txt/);
    assert.match(done.stderr, /env\.a/);
  });

  it('ok: pack writes a package that check accepts', async () => {
    const manifest = JSON.stringify({
      spell: { key: 'com.example.desk', name: 'Desk', version: '1.0.0', description: 'x', license: 'MIT' },
      io: { input_format: 'bytes', output_format: 'bytes' },
      pricing: { model: 'free' },
    });
    await desk.file('manifest.json', manifest);
    await desk.file('spell.wasm', guestModule('echo'));
    const done = await spell(['pack', desk.folder, '-o', join(desk.folder, 'desk.tar')]);
    assert.match(done.stdout.toString(), /desk\.tar {2}\d+ bytes {2}sha256:/);
    // The folder holds no SBOM: packed all the same, and what is missing is said.
    assert.equal(done.code, 1);
    assert.match(done.stderr, /sbom/);
  });
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SandboxPool, prepareModule } from '../../src/sandbox/index.js';
import { cast } from '../sandbox/fixtures.js';
import { membersOf, sandboxSessions } from '../sandbox/processes.js';
import type { GuestName } from '../support/guests.js';
import { assemble, buildPackage, guestModule } from '../support/packages.js';
import { Desk, PREVIEW1, spell, startSpell } from './spell.js';

interface Report {
  exit: number | null;
  error: { code: string; message: string } | null;
  fuelUsed: string | null;
  memoryPeakBytes: number;
  prepareMs: number;
  runMs: number;
  totalMs: number;
  outputBytes: number;
  outputDigest: string;
  logBytes: number;
}

describe('spell run', async () => {
  let desk: Desk;
  before(async () => {
    desk = await Desk.set();
  });
  after(() => desk.clear());

  const guest = (name: GuestName): Promise<string> => desk.file(`${name}.wasm`, guestModule(name));
  const reportOf = async (args: string[], input?: Buffer): Promise<Report & { code: number | null }> => {
    const { code, stdout } = await spell(['run', ...args, '--json'], input);
    return { ...(JSON.parse(stdout.toString()) as Report), code };
  };

  it('ok: input goes in, output comes out byte for byte, exit code 0', async () => {
    const input = randomBytes(300_000);
    const fromFile = ['run', await guest('echo'), '--input', await desk.file('input', input)];
    for (const done of [
      await spell(fromFile),
      await spell(['run', await guest('echo'), '--input', '-'], input),
    ]) {
      assert.equal(done.code, 0, done.stderr);
      assert.ok(done.stdout.equals(input));
      assert.equal(done.stderr, '');
    }
  });

  it('ok: without --input the guest reads nothing, whatever is on stdin', async () => {
    const done = await spell(['run', await guest('echo')], Buffer.from('not for the guest'));
    assert.deepEqual([done.code, done.stdout.length], [0, 0]);
  });

  it('ok: arguments and environment are what was given, and nothing of the caller’s', async () => {
    const options = ['--arg', 'one', '--arg=-two', '--env', 'A=b=c', '--env', 'EMPTY='];
    const done = await spell(['run', await guest('environment'), ...options]);
    assert.equal(done.stdout.toString(), 'environment.wasm\0one\0-two\0\nA=b=c\0EMPTY=\0');
    const named = await spell(['run', await guest('environment'), '--name', 'com.example.guest']);
    assert.equal(named.stdout.toString(), 'com.example.guest\0\n');
  });

  it('ok: the guest’s exit code is the exit code, without a word', async () => {
    const done = await spell(['run', await guest('exit3')]);
    assert.deepEqual([done.code, done.stderr], [3, '']);
    const large = assemble(`(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const 512))))`);
    const path = await desk.file('large.wasm', large);
    assert.equal((await spell(['run', path])).code, 255, 'a failure must not wrap around to 0');
    assert.equal((await reportOf([path])).exit, 512);
  });

  for (const [what, name, options, code, line] of [
    ['the deadline', 'endless', ['--timeout-ms', '200'], 124, 'spell: DEADLINE_EXCEEDED: '],
    ['the fuel', 'endless', ['--max-fuel', '100000'], 125, 'spell: FUEL_EXHAUSTED: '],
    ['the memory', 'hungry', ['--max-memory-mb', '2'], 126, 'spell: MEMORY_EXCEEDED: '],
    ['the output', 'flood', ['--max-output-mb', '1'], 123, 'spell: OUTPUT_TOO_LARGE: '],
    ['the CPU time', 'endless', ['--max-cpu-ms', '100'], 124, 'spell: DEADLINE_EXCEEDED: '],
    ['the number of pieces', 'quick', ['--max-events', '3'], 123, 'spell: OUTPUT_TOO_LARGE: '],
    [
      'an argument too many',
      'echo',
      ['--arg', 'x', '--max-argument-bytes', '1'],
      122,
      'spell: POLICY_VIOLATION: ',
    ],
    ['a trap', 'trap', [], 134, 'spell: TRAP: unreachable'],
  ] as const) {
    it(`${what} ends it with exit code ${code} and one line`, async () => {
      const done = await spell(['run', await guest(name), ...options]);
      assert.equal(done.code, code, done.stderr);
      const lines = done.stderr.split('\n').filter((text) => text.startsWith('spell: '));
      assert.equal(lines.length, 1);
      assert.ok(lines[0]?.startsWith(line), lines[0]);
      if (name === 'flood') assert.equal(done.stdout.length, 1024 * 1024, 'what fits is written');
    });
  }

  it('ok: --json is one object instead of the output, and the exit code stays', async () => {
    const path = await guest('echo');
    const done = await reportOf([path, '--input', '-'], Buffer.from('hello'));
    assert.deepEqual([done.code, done.exit, done.error, done.outputBytes, done.logBytes], [0, 0, null, 5, 0]);
    assert.equal(
      done.outputDigest,
      'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    );
    assert.equal(done.memoryPeakBytes, 2 * 65_536);
    assert.match(done.fuelUsed ?? '', /^\d+$/);
    assert.ok(done.totalMs >= done.prepareMs && done.prepareMs > 0 && done.runMs >= 0);
    const cut = await reportOf([await guest('endless'), '--timeout-ms', '200']);
    assert.deepEqual([cut.code, cut.exit, cut.error?.code], [124, null, 'DEADLINE_EXCEEDED']);
    assert.match(cut.fuelUsed ?? '', /^\d+$/);
    assert.equal((await reportOf([await guest('exit3')])).exit, 3);
  });

  it('ok: the fuel is that of a cast, to the last digit', async () => {
    const pool = new SandboxPool({ size: 2, maxCastsPerProcess: 100 });
    await pool.start();
    try {
      for (const name of ['echo', 'environment', 'big', 'grower'] as const) {
        const prepared = await prepareModule(guestModule(name));
        assert.ok(prepared.ok);
        const input = Buffer.alloc(70_001, 'x');
        const args = ['com.example.guest', 'argument'];
        const outcome = await cast(pool, Buffer.from(prepared.bytes), { input, args, env: { A: 'b' } });
        const options = ['--name', 'com.example.guest', '--arg', 'argument', '--env', 'A=b', '--input', '-'];
        const desk = await reportOf([await guest(name), ...options], input);
        assert.equal(desk.fuelUsed, String(outcome.fuelUsed), name);
        assert.equal(desk.memoryPeakBytes, outcome.memoryPeakBytes, name);
        assert.equal(desk.outputBytes, outcome.output.length, name);
      }
    } finally {
      await pool.stop();
    }
  });

  it('ok: output and log come as they are written', async () => {
    const child = startSpell(['run', await guest('ticker')]);
    const seen: { atMs: number; from: string }[] = [];
    child.stdout.on('data', () => seen.push({ atMs: performance.now(), from: 'output' }));
    child.stderr.on('data', () => seen.push({ atMs: performance.now(), from: 'log' }));
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 0);
    assert.ok(seen.length > 20, `${seen.length} chunks`);
    assert.ok((seen.at(-1)?.atMs ?? 0) - (seen[0]?.atMs ?? 0) > 500);
    assert.notEqual(seen[0]?.from, seen[1]?.from);
  });

  it('ok: it ends when nobody reads its output', async () => {
    const child = startSpell(['run', await guest('flood'), '--max-output-mb', '50', '--timeout-ms', '60000']);
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 141);
  });

  it('ok: a killed command leaves no guest behind', async () => {
    const child = startSpell(['run', await guest('endless'), '--timeout-ms', '60000']);
    await once(child.stderr, 'data');
    const sessions = sandboxSessions(child.pid ?? 0);
    assert.equal(membersOf(sessions).length > 0, true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const deadlineMs = performance.now() + 5_000;
    while (membersOf(sessions).length > 0 && performance.now() < deadlineMs) await delay(20);
    assert.deepEqual(membersOf(sessions), []);
  });

  it('refused: a module that publishing refuses is not run', async () => {
    const foreign = assemble('(module (import "env" "steal" (func)) (memory 1) (func (export "_start")))');
    for (const content of [foreign, Buffer.from('\0asm\x01\0\0\0garbage')]) {
      const done = await spell(['run', await desk.file('refused.wasm', content)]);
      assert.equal(done.code, 120, done.stderr);
      assert.match(done.stderr, /^spell: REFUSED: spell\.wasm[^\n]*\n$/);
    }
    const report = await reportOf([await desk.file('refused.wasm', foreign)]);
    assert.deepEqual([report.code, report.exit, report.error?.code], [120, null, 'REFUSED']);
    assert.match(report.error?.message ?? '', /env\.steal/);
  });

  it('refused: what is neither a module nor a package', async () => {
    const done = await spell(['run', await desk.file('poem.txt', 'not a spell')]);
    assert.equal(done.code, 120);
    assert.match(done.stderr, /^spell: REFUSED: package: /);
  });

  for (const [what, options, message] of [
    ['an unknown option', ['--fuel', '1'], /Unknown option '--fuel'/],
    ['a limit of nothing', ['--max-fuel', '0'], /--max-fuel must be a whole number from 1 to/],
    ['a limit that is no number', ['--timeout-ms', '1e3'], /--timeout-ms must be a whole number/],
    ['more memory than any spell may have', ['--max-memory-mb', '1025'], /from 1 to 1024/],
    [
      'more CPU time than any spell may have',
      ['--max-cpu-ms', '300001'],
      /from 1 to 300000, what any manifest/,
    ],
    ['a variable without a value', ['--env', 'NAME'], /--env NAME: must be NAME=value/],
    ['a folder without a place', ['--dir', 'somewhere'], /must be HOST:GUEST/],
    ['a folder with a relative place', ['--dir', '.:data'], /must be HOST:GUEST with an absolute GUEST/],
    ['a folder that is not there', ['--dir', '/absent:/data'], /ENOENT.*\/absent/],
    ['an input that is not there', ['--input', '/absent'], /ENOENT.*\/absent/],
    ['a second module', ['other.wasm'], /"other.wasm" is one too many/],
    ['a file for a folder', ['--dir', '/dev/null:/a'], /ENOTDIR/],
  ] as const) {
    it(`wrong use: ${what}`, async () => {
      const done = await spell(['run', await guest('echo'), ...options]);
      assert.equal(done.code, 2, done.stderr);
      assert.match(done.stderr, message);
      assert.equal(done.stdout.length, 0);
    });
  }

  it('wrong use: no module, one that is not there, an input that no cast takes', async () => {
    assert.match((await spell(['run'])).stderr, /which module or package\?/);
    const absent = await spell(['run', '/absent.wasm']);
    assert.equal(absent.code, 2);
    assert.match(absent.stderr, /^spell: ENOENT/);
    const large = await spell(
      ['run', await guest('echo'), '--input', '-'],
      Buffer.alloc(8 * 1024 * 1024 + 1),
    );
    assert.equal(large.code, 2);
    assert.match(large.stderr, /this cast takes at most 8388608 bytes/);
  });

  it('ok: --help names every exit code', async () => {
    const { code, stdout } = await spell(['run', '--help']);
    assert.equal(code, 0);
    for (const word of [
      '120',
      '121',
      '122',
      '123',
      '124',
      '125',
      '126',
      '134',
      'FUEL_EXHAUSTED',
      '--dir HOST:GUEST',
    ])
      assert.ok(stdout.includes(word), word);
  });

  it('ok: it runs a real C program', async () => {
    const done = await spell(['run', PREVIEW1, '--arg', 'fd_write-to-stdout']);
    assert.deepEqual([done.code, done.stdout.toString()], [0, 'hello']);
  });

  describe('with a package', () => {
    const resources = { 'seen/a.txt': 'read me', 'hidden.txt': 'not me' };
    const runtime = {
      args: ['fixed', ''],
      timeout_ms: 5_000,
      max_fuel: 5_000_000,
      max_memory_mb: 8,
      policy: {
        env_vars: ['SPELL_KEY', 'SPELL_VERSION', 'SPELL_CAST_ID', 'MODE=fast=1'],
        fs_read: ['/resources/seen'],
      },
    };

    it('ok: its key is argv[0], its arguments come before others, its variables are set, others are added', async () => {
      const path = await desk.file(
        'environment.tar',
        await buildPackage({ guest: 'environment', runtime, resources }),
      );
      const done = await spell(['run', path, '--arg', 'x', '--env', 'MORE=1']);
      assert.equal(done.code, 0, done.stderr);
      const castId = '00000000-0000-0000-0000-000000000000';
      const own = `SPELL_KEY=com.example.guest\0SPELL_VERSION=1.0.0\0SPELL_CAST_ID=${castId}\0MODE=fast=1\0`;
      assert.equal(done.stdout.toString(), `com.example.guest\0fixed\0\0x\0\n${own}MORE=1\0`);
    });

    it('ok: it reads those of its resources that its policy names, and no others', async () => {
      const path = await desk.file(
        'resource.tar',
        await buildPackage({ guest: 'resource', runtime, resources }),
      );
      const seen = await spell(['run', path, '--input', '-'], Buffer.from('seen/a.txt'));
      assert.equal(seen.stdout.toString(), 'read me');
      assert.equal((await spell(['run', path, '--input', '-'], Buffer.from('hidden.txt'))).code, 44);
    });

    it('ok: its limits hold, and can be lowered only', async () => {
      const path = await desk.file(
        'endless.tar',
        await buildPackage({ guest: 'endless', runtime, resources }),
      );
      const done = await reportOf([path]);
      assert.deepEqual([done.code, done.fuelUsed], [125, '5000000']);
      assert.equal((await reportOf([path, '--max-fuel', '1000'])).fuelUsed, '1000');
      const raised = await spell(['run', path, '--max-fuel', '5000001']);
      assert.equal(raised.code, 2);
      assert.match(raised.stderr, /from 1 to 5000000, what the manifest allows/);
    });

    it('refused: with every reason', async () => {
      const tar = await buildPackage({ guest: 'echo', entries: { 'sbom.spdx.json': null, 'note.txt': 'x' } });
      const done = await spell(['run', await desk.file('refused.tar', tar)]);
      assert.equal(done.code, 120);
      assert.match(done.stderr, /REFUSED: .*note\.txt.*/);
      assert.match(done.stderr, /sbom/);
    });
  });
});

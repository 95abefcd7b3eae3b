import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Isolation } from '../../src/sandbox/pool/isolation.js';
import { NICENESS } from '../../src/sandbox/sandbox-limits.js';
import { SandboxProcess } from '../../src/sandbox/pool/sandbox-process.js';
import { GUEST_PROGRAM } from '../../src/sandbox/pool/spawn-guest.js';
import { withPool } from './fixtures.js';
import { guestsOf, sandboxSessions } from './processes.js';

const PROBE = fileURLToPath(new URL('./inside-probe.js', import.meta.url));
const GUEST_MEMORY_BYTES = 2 ** 28;

const isRoot = process.getuid?.() === 0;
const hasSetpriv = existsSync('/usr/bin/setpriv');

/** What came of each attempt that the probe made. */
async function probe(isolation: Isolation, port: number): Promise<Map<string, unknown>> {
  const guest = new SandboxProcess(GUEST_MEMORY_BYTES, isolation, PROBE);
  await guest.untilReady();
  const found = new Map<string, unknown>();
  await new Promise<void>((resolve, reject) => {
    const request = Buffer.from(JSON.stringify({ port, parent: process.pid }));
    guest.send([request], {
      onFrame: (_type, payload) => {
        const line = JSON.parse(payload.toString()) as [string, unknown] | null;
        if (line === null) resolve();
        else found.set(line[0], line[1]);
      },
      onGarbage: (reason) => reject(new Error(reason)),
      onExit: ({ errors }) => reject(new Error(`the probe died: ${errors}`)),
    });
  });
  guest.kill();
  await guest.exited;
  return found;
}

describe('from inside a guest’s process', async () => {
  const server = net.createServer();
  let isolation: Isolation;
  let found: Map<string, unknown>;
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    isolation = await Isolation.find(process.execPath, GUEST_PROGRAM);
    found = await probe(isolation, (server.address() as net.AddressInfo).port);
  });
  after(() => server.close());

  test('the environment is empty', () => assert.deepEqual(found.get('environment'), []));

  for (const attempt of [
    'read a file',
    'read a folder',
    'write a file',
    'read its own memory map',
    'open the memory of its parent',
    'read the environment of its parent',
    'start a program',
    'start a program beside itself',
    'start a worker',
    'use WASI',
    'open a debugger',
  ]) {
    test(`it cannot ${attempt}: Node refuses`, () => assert.equal(found.get(attempt), 'ERR_ACCESS_DENIED'));
  }

  test('it cannot load an addon', () => assert.equal(found.get('load an addon'), 'ERR_DLOPEN_DISABLED'));

  test('it cannot make code from text', () =>
    assert.match(String(found.get('make code from text')), /Code generation from strings disallowed/));

  for (const attempt of [
    'connect by TCP',
    'connect to the world',
    'listen by TCP',
    'send by UDP',
    'open a descriptor',
  ]) {
    test(`it cannot ${attempt}: the kernel gives it no descriptor`, () => {
      if (isolation.sealer !== null) assert.equal(found.get(attempt), 'EMFILE');
      else
        assert.ok(!['connected', 'sent'].includes(String(found.get(attempt))) || !isolation.inForce.network);
    });
  }

  test('it has no descriptors but its channel', () =>
    assert.deepEqual(found.get('descriptors'), ['socket 2', 'socket 3', 'socket 4']));

  test('it leaves no core, writes no file, and cannot start threads or processes', () => {
    const limits = found.get('limits') as Record<string, unknown>;
    assert.equal(limits['core_file_size_blocks'], 0);
    assert.equal(limits['file_size_blocks'], 0);
    assert.equal(limits['data_seg_size_bytes'], GUEST_MEMORY_BYTES + 2 ** 30);
    assert.equal(limits['cpu_time_seconds'], 10_800);
    if (isolation.sealer !== null) {
      assert.equal(limits['open_files'], 0);
      assert.equal(limits['max_user_processes'], 1);
    }
  });

  test(
    'started by root, it is a user that nobody else is, and cannot be root again',
    { skip: !isRoot },
    () => {
      // Under /root a user of its own could not read this program; the test below is about that.
      assert.notEqual(isolation.inForce.user, 'as the pool');
      if (isolation.inForce.user !== 'own') return;
      const user = Number(found.get('user'));
      assert.ok(user >= 2 ** 30, String(user));
      assert.deepEqual(found.get('groups'), [user]);
      assert.equal(found.get('become root'), 'EPERM');
      assert.equal(found.get('signal its pool'), 'EPERM');
    },
  );

  test('without the seal there is still nobody on its network', async () => {
    if (!isolation.inForce.network) return;
    const unsealed = { launch: () => isolation.launch(), sealer: null } as unknown as Isolation;
    const others = await probe(unsealed, (server.address() as net.AddressInfo).port);
    for (const attempt of ['connect by TCP', 'connect to the world', 'send by UDP']) {
      assert.equal(others.get(attempt), 'ENETUNREACH', attempt);
    }
  });
});

test('two processes are two users', { skip: !isRoot }, async () => {
  const isolation = await Isolation.find('/bin/sh', '/bin/sh');
  assert.notEqual(isolation.launch().owner, isolation.launch().owner);
});

test(
  'where a user of its own could not read the program, the superuser keeps none of its powers',
  {
    skip: !isRoot || !hasSetpriv,
  },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spell-private-'));
    try {
      await chmod(folder, 0o700);
      const program = join(folder, 'guest.js');
      await writeFile(program, '');
      const isolation = await Isolation.find(process.execPath, program);
      assert.equal(isolation.inForce.user, 'bare root');
      const { prefix } = isolation.launch();
      const [command = '', ...args] = prefix.concat('/bin/cat', '/proc/self/status');
      const { stdout } = await promisify(execFile)(command, args);
      for (const line of ['CapPrm', 'CapEff', 'CapBnd'])
        assert.match(stdout, new RegExp(`${line}:\\s+0+\\n`));
      assert.match(stdout, /NoNewPrivs:\s+1/);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test('a pool says what is in force, and seals every process', async () => {
  await withPool({ size: 1 }, async (pool) => {
    const isolation = await Isolation.find(process.execPath, GUEST_PROGRAM);
    assert.deepEqual(pool.isolation, isolation.inForce);
    if (process.platform !== 'linux') return;
    // When the machine's memory runs out, guests go before anything else.
    const scores = guestsOf(sandboxSessions(process.pid)).map((pid) =>
      readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim(),
    );
    assert.deepEqual(scores, ['1000', '1000']);
  });
});

test('guests wait for the platform, alone and as a session', async () => {
  await withPool({ size: 1 }, () => {
    for (const pid of guestsOf(sandboxSessions(process.pid))) {
      assert.equal(getPriority(pid), NICENESS);
      const autogroup = `/proc/${pid}/autogroup`;
      // Without privileges the kernel takes one such wish in a tenth of a second, from all processes together.
      if (existsSync(autogroup) && isRoot)
        assert.match(readFileSync(autogroup, 'utf8'), new RegExp(`nice ${NICENESS}\n`));
    }
    return Promise.resolve();
  });
});

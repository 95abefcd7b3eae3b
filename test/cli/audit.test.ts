import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { audit as runAudit } from '../../src/cli/audit.js';
import { mirror as runMirror } from '../../src/cli/mirror.js';
import { auditLog, folderSource } from '../../src/ledger/index.js';
import { appendFacts } from '../ledger/support.js';
import { until } from '../faults/support.js';
import { startHarness } from '../support/harness.js';
import { spell } from './spell.js';

interface Report {
  ok: boolean;
  pinned?: boolean;
  size?: number;
  checkpoints?: number;
  problem?: { sequence: number | null; file: string; reason: string };
}

describe('spell mirror and spell audit', async () => {
  const { app } = await startHarness();
  const folder = await mkdtemp(join(tmpdir(), 'spell-mirror-'));
  after(() => rm(folder, { recursive: true, force: true }));
  const mirror = join(folder, 'mirror');
  const from = `${app.url}/v1/ledger`;
  const grow = async (count: number) => {
    await appendFacts(app.database, count);
    await until('every fact has its place', 20_000, async () => {
      const waiting = await app.database.query('SELECT 1 FROM ledger_outbox LIMIT 1');
      return waiting.length === 0;
    });
  };
  const audit = async (...args: string[]): Promise<{ code: number | null; report: Report }> => {
    // Somewhere without the keys of this machine's own platform.
    const { code, stdout } = await spell(['audit', '--json', '--mirror', mirror, ...args], undefined, folder);
    return { code, report: JSON.parse(stdout.toString()) as Report };
  };

  it('ok: a copy verifies without the server, and so does one that was brought up to date', async () => {
    await grow(300);
    const first = await spell(['mirror', '--from', from, '--to', mirror]);
    assert.equal(first.code, 0, first.stderr);
    const done = await spell(['audit', '--mirror', mirror, '--unpinned'], undefined, folder);
    assert.equal(done.code, 0, done.stderr);
    for (const word of ['ledger.test', '300, each in its place', 'from the log itself'])
      assert.ok(done.stdout.includes(word), `${word}: ${done.stdout.toString()}`);
    await grow(400);
    const { stdout } = await spell(['mirror', '--from', from, '--to', mirror, '--json']);
    const { size, fetched } = JSON.parse(stdout.toString()) as { size: number; fetched: number };
    // The first full tile and its bundle were there already.
    assert.deepEqual([size, fetched], [700, 5]);
    const { code, report } = await audit('--unpinned');
    assert.deepEqual([code, report.ok, report.size, report.checkpoints], [0, true, 700, 2]);
    const direct = await spell(['audit', '--from', from, '--unpinned'], undefined, folder);
    assert.equal(direct.code, 0, direct.stderr);
  });

  it('not verified, exit code 4: nobody but the log itself vouches for it', async () => {
    const { code, report } = await audit();
    assert.deepEqual([code, report.ok, report.pinned, report.size], [4, false, false, 700]);
    const said = await spell(['audit', '--mirror', mirror], undefined, folder);
    assert.deepEqual([said.code, /NOT VERIFIED: no key was given/.test(said.stderr)], [4, true]);
  });

  it('ok: with a key and a name that the auditor trusts; refused with others', async () => {
    const keys = JSON.parse(await readFile(join(mirror, 'keys'), 'utf8')) as {
      keys: { verifier_key: string }[];
    };
    const key = keys.keys[0]?.verifier_key ?? '';
    assert.equal((await audit('--key', key, '--origin', 'ledger.test')).code, 0);
    const keyFile = join(folder, 'trusted.vkey');
    await writeFile(keyFile, `${key}\n`);
    assert.equal((await audit('--key', keyFile)).code, 0);
    const again = await spell(
      ['mirror', '--from', from, '--to', mirror, '--key', keyFile, '--refetch'],
      undefined,
      folder,
    );
    assert.deepEqual([again.code, again.stdout.toString()], [0, '700 entries, 5 files fetched\n']);
    const stranger = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
    const foreign = await audit('--key', stranger);
    assert.deepEqual(
      [foreign.code, foreign.report.problem?.reason],
      [1, 'no key that is trusted has signed'],
    );
    const other = await auditLog(folderSource(mirror), { origin: 'another.log' });
    assert.deepEqual(other.ok ? null : other.problem.file, 'checkpoint');
  });

  it('refused: every file that is missing, changed or cut, with its name', async () => {
    const paths = (await readdir(mirror, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(mirror.length + 1))
      .filter((path) => isOfLast(path));
    assert.ok(paths.length >= 11, paths.join());
    for (const path of paths) {
      const bytes = await readFile(join(mirror, path));
      const middle = Math.floor(bytes.length / 2);
      const changes = [bytes.subarray(0, -1), Buffer.of()];
      // A list of keys also says when they were added, for people: what a changed bit there does, the keys decide.
      if (path !== 'keys') changes.push(Buffer.from(bytes.with(middle, (bytes[middle] ?? 0) ^ 1)));
      for (const changed of changes) {
        await writeFile(join(mirror, path), changed);
        const report = await auditLog(folderSource(mirror));
        assert.ok(!report.ok, `${path} was changed and nobody saw it`);
        assert.ok(report.problem.file !== '' && report.problem.reason !== '');
      }
      await rm(join(mirror, path));
      // A kept checkpoint more or less is the auditor's own business.
      if (!path.startsWith('checkpoints/'))
        assert.equal((await auditLog(folderSource(mirror))).ok, false, path);
      await writeFile(join(mirror, path), bytes);
    }
    assert.equal((await auditLog(folderSource(mirror))).ok, true);
  });

  it('refused: exit code 1 and the first bad entry', async () => {
    const bundle = join(mirror, 'tile/entries/001');
    const bytes = await readFile(bundle);
    const at = bytes.indexOf('"sequence":333,');
    assert.ok(at > 0);
    await writeFile(bundle, bytes.with(at - 20, bytes[at - 20] === 48 ? 49 : 48));
    const { code, report } = await audit();
    assert.deepEqual([code, report.ok, report.problem?.sequence], [1, false, 333]);
    const said = await spell(['audit', '--mirror', mirror], undefined, folder);
    assert.deepEqual([said.code, /entry 333: /.test(said.stderr)], [1, true]);
    await writeFile(bundle, bytes);
  });

  it('refused: a log that no longer contains what it once showed', async () => {
    const other = join(folder, 'older');
    await cp(mirror, other, { recursive: true });
    const older = await readFile(join(mirror, 'checkpoints/300'));
    await writeFile(join(other, 'checkpoint'), older);
    const report = await auditLog(folderSource(other));
    assert.match(report.ok ? '' : report.problem.reason, /had 700 entries once and has only 300 now/);
  });

  it('wrong use: exit code 2 and a reason', async () => {
    const done = await spell(['audit']);
    assert.deepEqual([done.code, done.stderr.startsWith('spell: which mirror')], [2, true]);
    const none = join(folder, 'none');
    for (const args of [
      ['--mirror', '/absent'],
      ['--mirror', mirror, 'more'],
      ['--mirror', mirror, '--key', 'nonsense'],
      ['--no'],
    ])
      await assert.rejects(runAudit(args), args.join(' '));
    for (const args of [
      ['--from', from],
      ['--from', 'file:///etc', '--to', mirror],
      ['--from', `${app.url}/nothing`, '--to', none],
      ['--from', 'http://127.0.0.1:1', '--to', none],
    ])
      await assert.rejects(runMirror(args), args.join(' '));
  });
});

/** Partial tiles of older sizes stay in a mirror and are read by nobody. */
function isOfLast(path: string): boolean {
  return !path.includes('.p/') || /^tile\/(0|entries)\/002\.p\/188$|^tile\/1\/000\.p\/2$/.test(path);
}

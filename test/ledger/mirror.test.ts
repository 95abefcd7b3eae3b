import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { auditLog, folderSource, noteSigner } from '../../src/ledger/index.js';
import { formatVerifierKey } from '../../src/ledger/note/note-key.js';
import { mirrorLog, type MirrorReport } from '../../src/ledger/audit/mirror-log.js';
import { ORIGIN } from './support.js';
import { keysFile, makeLog, serveFiles, type LogFiles } from './serve-log.js';

const SIGNER = noteSigner(ORIGIN, Buffer.alloc(32, 3));
const NEXT = noteSigner(ORIGIN, Buffer.alloc(32, 4));
const OPTIONS = { trusted: [{ verifier: SIGNER, retiredSize: null }], origin: ORIGIN };
const HONEST = makeLog(SIGNER, 700);

describe('a mirror', async () => {
  const desk = await mkdtemp(join(tmpdir(), 'spell-mirrors-'));
  after(() => rm(desk, { recursive: true, force: true }));
  let files: LogFiles = HONEST;
  const url = await serveFiles(() => files);
  let count = 0;
  const newFolder = () => join(desk, String((count += 1)));
  const mirror = (served: LogFiles, folder: string, options: object = OPTIONS) => {
    files = served;
    return mirrorLog(url, folder, options);
  };
  const audit = (folder: string) => auditLog(folderSource(folder), OPTIONS);
  const told = (report: MirrorReport) =>
    report.ok ? null : ([report.problem.sequence, report.problem.lastSequence] as const);
  /** A mirror of the honest log at 700, and the file that is changed in what is served. */
  const copied = async () => {
    const folder = newFolder();
    assert.deepEqual(await mirror(HONEST, folder), { ok: true, size: 700, fetched: 7 });
    return folder;
  };
  const changed = (path: string, change: (bytes: Buffer) => Buffer | null): LogFiles => {
    const copy = new Map(HONEST);
    const bytes = change(Buffer.from(copy.get(path) ?? Buffer.of()));
    if (bytes === null) copy.delete(path);
    else copy.set(path, bytes);
    return copy;
  };
  const flip = (at: number) => (bytes: Buffer) => Buffer.from(bytes.with(at, (bytes[at] ?? 0) ^ 1));

  it('forks: of the same size, of a larger one, in a tile that was full and in one that was not; the evidence is kept', async () => {
    for (const [size, fork] of [
      [700, 600],
      [900, 600],
      [700, 100],
      [900, 100],
      [900, 699],
    ] as const) {
      const folder = await copied();
      const report = await mirror(makeLog(SIGNER, size, fork), folder);
      assert.deepEqual(told(report), [fork, null], JSON.stringify(report));
      assert.match(report.ok ? '' : report.problem.reason, /the log was forked/);
      const kept = (await readdir(join(folder, 'checkpoints'))).toSorted();
      assert.equal(kept.length, 2);
      assert.match(kept[1] ?? '', new RegExp(`^${size}\\.fork-[0-9a-f]{16}$`));
      assert.deepEqual(await readFile(join(folder, 'checkpoint')), HONEST.get('checkpoint'));
      const audited = await audit(folder);
      assert.equal(audited.ok, false, 'the fork is not forgotten');
      // Not even after the log went back to its honest history, and not by a later fork either.
      assert.equal((await mirror(makeLog(SIGNER, 900), folder)).ok, true);
      assert.match((await whyNot(folder)) ?? '', /the log was forked/);
      assert.equal(
        (await mirror(makeLog(SIGNER, 950, 900), folder)).ok,
        true,
        'nothing that was copied is other there',
      );
    }
  });
  const whyNot = async (folder: string) => {
    const report = await audit(folder);
    return report.ok ? null : report.problem.reason;
  };

  it('a log that was cut short, and one that nobody believed has signed', async () => {
    const folder = await copied();
    assert.deepEqual(told(await mirror(makeLog(SIGNER, 600), folder)), [600, 699]);
    const foreign = await mirror(makeLog(NEXT, 900), folder);
    assert.match(foreign.ok ? '' : foreign.problem.reason, /was in it and is gone/);
    const unlisted = new Map(makeLog(NEXT, 900)).set('keys', HONEST.get('keys') ?? Buffer.of());
    const unsigned = await mirror(unlisted, folder);
    assert.match(unsigned.ok ? '' : unsigned.problem.reason, /no key that is trusted has signed/);
    const other = noteSigner('other.log', Buffer.alloc(32, 3));
    assert.equal((await mirror(makeLog(other, 900), folder, {})).ok, false, 'the name is that of the copy');
    assert.deepEqual((await readdir(join(folder, 'checkpoints'))).length, 2);
  });

  it('what is served wrongly is not stored, and the first bad entry is named', async () => {
    const entry = (HONEST.get('tile/entries/001')?.indexOf('"sequence":333,') ?? 0) - 20;
    for (const [path, change, where] of [
      ['tile/entries/001', flip(entry), [333, null]],
      ['tile/entries/001', () => null, [256, 511]],
      ['tile/entries/002.p/188', () => null, [512, 699]],
      ['tile/entries/001', (bytes: Buffer) => bytes.subarray(0, -1), [256, 511]],
      ['tile/0/001', flip(32 * 7), [263, null]],
      ['tile/0/000', () => null, [0, 255]],
      ['tile/0/002.p/188', flip(32 * 9), [521, null]],
      ['tile/1/000.p/2', flip(32), [256, 511]],
      ['tile/1/000.p/2', () => null, [0, 511]],
    ] as const) {
      const folder = newFolder();
      const report = await mirror(changed(path, change), folder);
      assert.deepEqual(told(report), where, `${path}: ${JSON.stringify(report)}`);
      assert.deepEqual(
        await readdir(folder).then(
          (names) => names.includes('checkpoint'),
          () => false,
        ),
        false,
      );
      assert.deepEqual(await mirror(HONEST, folder).then(({ ok }) => ok), true, 'and it heals');
      assert.equal((await audit(folder)).ok, true);
      // Over HTTP the same is found without a folder.
      files = changed(path, change);
    }
  });

  it('an old part that is no longer served as it was is found by fetching it again', async () => {
    const folder = await copied();
    const edited = changed('tile/entries/000', flip(100));
    assert.equal((await mirror(edited, folder)).ok, true, 'full tiles are fetched once');
    assert.deepEqual(told(await mirror(edited, folder, { ...OPTIONS, isRefetched: true })), [0, null]);
    assert.equal((await audit(folder)).ok, true, 'the copy is as it was');
    assert.deepEqual(await mirror(HONEST, folder, { ...OPTIONS, isRefetched: true }), {
      ok: true,
      size: 700,
      fetched: 5,
    });
  });

  it('keys that vanish, change, or are added for the past', async () => {
    const [first, second] = [SIGNER, NEXT].map((key) => ({
      verifier_key: formatVerifierKey(key),
      added_size: 0,
      retired_size: null,
    }));
    const from = async (keys: object[]) => {
      const folder = newFolder();
      assert.equal((await mirror(new Map(HONEST).set('keys', keysFile(keys)), folder, {})).ok, true);
      return (next: object[]) =>
        mirror(new Map(HONEST).set('keys', keysFile(next)), folder, {}).then(({ ok }) => ok);
    };
    const one = await from([{ ...first }]);
    assert.equal(await one([{ ...first }, { ...second, added_size: 699 }]), false);
    assert.equal(await one([{ ...first, added_size: 5 }]), false);
    assert.equal(await one([{ ...first, retired_at: 'now', retired_size: 699 }]), false);
    assert.equal(await one([{ ...first }, { ...second, added_size: 700 }]), true);
    assert.equal(await one([{ ...first }]), false);
    const retired = { ...second, retired_at: '2026-11-22T10:00:00.000Z', retired_size: 300 };
    const two = await from([{ ...first }, retired]);
    assert.equal(await two([{ ...first }, { ...retired, retired_size: null, retired_at: null }]), false);
    assert.equal(await two([{ ...first }, retired]), true);
  });

  it('half of a file that a kill left there is no checkpoint, and one under a wrong name is a finding', async () => {
    const folder = await copied();
    await writeFile(join(folder, 'checkpoints/640.new'), 'ledger.te');
    assert.equal((await audit(folder)).ok, true);
    await rename(join(folder, 'checkpoints/700'), join(folder, 'checkpoints/640'));
    assert.match((await whyNot(folder)) ?? '', /holds a checkpoint of 700 entries/);
  });

  it('refused: every byte of every file of a mirror, flipped', async () => {
    const folder = newFolder();
    await mirror(makeLog(SIGNER, 2), folder);
    const small = newFolder();
    await mirror(makeLog(SIGNER, 3), small);
    await cp(join(folder, 'checkpoints/2'), join(small, 'checkpoints/2'));
    const wide = newFolder();
    await mirror(makeLog(SIGNER, 257), wide);
    let flips = 0;
    const attack = async (of: string, path: string) => {
      const bytes = await readFile(join(of, path));
      for (const at of bytes.keys()) {
        await writeFile(join(of, path), bytes.with(at, (bytes[at] ?? 0) ^ (1 << (at % 8))));
        const report = await audit(of);
        assert.equal(report.ok, false, `byte ${at} of ${path} was changed and nobody saw it`);
        flips += 1;
      }
      await writeFile(join(of, path), bytes);
    };
    const paths = (await readdir(small, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile() && entry.name !== 'keys')
      .map((entry) => join(entry.parentPath, entry.name).slice(small.length + 1));
    assert.deepEqual(paths.toSorted(), [
      'checkpoint',
      'checkpoints/2',
      'checkpoints/3',
      'tile/0/000.p/3',
      'tile/entries/000.p/3',
    ]);
    for (const path of paths) await attack(small, path);
    await attack(wide, 'tile/1/000.p/1');
    assert.ok(flips > 1_000);
    for (const of of [small, wide]) assert.equal((await audit(of)).ok, true);
  });
});

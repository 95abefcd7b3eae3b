import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Desk, PREVIEW1, spell } from './spell.js';

describe('spell run --dir', () => {
  let desk: Desk;
  let folder: string;
  before(async () => {
    desk = await Desk.set();
    folder = join(desk.folder, 'small');
    await mkdir(join(folder, 'inner', 'deep'), { recursive: true });
    await writeFile(join(folder, 'inner', 'file'), 'inner');
    await desk.file('secret', 'of the host');
    await symlink('inner/../../etc', join(folder, 'out'));
    await symlink('/etc/passwd', join(folder, 'absolute'));
    await symlink('circle', join(folder, 'circle'));
    await symlink('inner/file', join(folder, 'inner-link'));
    await symlink('inner/deep', join(folder, 'deep-link'));
  });
  after(() => desk.clear());

  const runCase = (name: string, ...options: string[]) => spell(['run', PREVIEW1, '--arg', name, ...options]);

  it('ok: the guest may change what it finds there, and nothing is written back', async () => {
    for (let round = 0; round < 2; round += 1) {
      const done = await runCase('leave-mark', '--dir', `${folder}:/small`);
      assert.equal(done.code, 0, done.stderr);
    }
    assert.equal(await readFile(join(folder, 'inner', 'file'), 'utf8'), 'inner');
    assert.ok(!(await readdir(folder)).includes('mark'));
  });

  it('ok: empty folders and links come along, and no link leads out', async () => {
    const done = await runCase('no-way-out', '--dir', `${folder}:/small`);
    assert.equal(done.code, 0, done.stderr);
  });

  it('ok: several folders are several trees', async () => {
    const empty = join(desk.folder, 'empty');
    await mkdir(empty);
    const dirs = ['--dir', `${folder}:/small`, '--dir', `${empty}:/other`];
    const done = await runCase('remove-while-reading', ...dirs);
    assert.equal(done.code, 0, done.stderr);
  });

  it('ok: what is no file, folder or link is left out and named', async () => {
    const special = join(desk.folder, 'special');
    await mkdir(special);
    execFileSync('mkfifo', [join(special, 'pipe')]);
    const done = await runCase('fd_write-to-stdout', '--dir', `${special}:/special`);
    assert.deepEqual([done.code, done.stdout.toString()], [0, 'hello']);
    assert.match(done.stderr, /^spell: left out .*special\/pipe: /);
  });

  it('wrong use: more than all trees may hold, the same place twice', async () => {
    const large = join(desk.folder, 'large');
    await mkdir(large);
    await writeFile(join(large, 'sparse'), '');
    await truncate(join(large, 'sparse'), 200 * 1024 * 1024);
    const done = await runCase('sched_yield', '--dir', `${large}:/large`);
    assert.equal(done.code, 2);
    assert.match(done.stderr, /hold at most 134217728 bytes/);
    const twice = await runCase('sched_yield', '--dir', `${folder}:/a`, '--dir', `${folder}:/a`);
    assert.equal(twice.code, 2);
    assert.match(twice.stderr, /"\/a" cannot be the place of one more tree/);
  });
});

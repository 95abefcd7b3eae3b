import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { packFolder } from '../../src/provenance/index.js';
import { entriesWith, packageWith } from './support.js';

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spell-pack-'));
  try {
    for (const [path, bytes] of entriesWith()) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a folder is packed into the canonical form, and its sources are left out', async () => {
  await withFolder(async (folder) => {
    await mkdir(join(folder, 'src'));
    await writeFile(join(folder, 'src', 'main.c'), 'int main(void) { return 0; }');
    await writeFile(join(folder, 'Makefile'), '');
    assert.deepEqual(await packFolder(folder), packageWith());
  });
});

test('a link is refused', async () => {
  await withFolder(async (folder) => {
    await symlink('/etc/passwd', join(folder, 'resources', 'passwd'));
    await assert.rejects(packFolder(folder), /resources\/passwd is not a regular file/);
  });
});

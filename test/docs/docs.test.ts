import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';

const PAGES = [
  'README.md',
  'docs/ARCHITECTURE.md',
  'docs/PROTOCOL.md',
  'docs/errors.md',
  'docs/Phase2/deploy.md',
];
// Paths in backticks that begin with a folder of ours; a path with a placeholder names no single file.
const PATH = /`((?:src|docs|schema|spells|test|tools|bench|ops|bin)\/[A-Za-z0-9_./-]*)`/g;
const README_LINES_MAX = 150;
const ARCHITECTURE_LINES_MAX = 300;

describe('documentation', () => {
  it('names only files that exist', async () => {
    for (const page of PAGES) {
      const text = await readFile(page, 'utf8');
      const missing = [...text.matchAll(PATH)]
        .map(([, path = '']) => path)
        .filter((path) => !existsSync(path));
      assert.deepEqual(missing, [], page);
    }
  });

  it('names only make targets that exist', async () => {
    const makefile = await readFile('Makefile', 'utf8');
    const readme = await readFile('README.md', 'utf8');
    for (const [, target] of readme.matchAll(/make ([a-z-]+)/g)) {
      assert.match(makefile, new RegExp(`^${target}:`, 'm'), `make ${target}`);
    }
  });

  it('stays short', async () => {
    const lines = async (page: string) => (await readFile(page, 'utf8')).split('\n').length;
    assert.ok((await lines('README.md')) <= README_LINES_MAX);
    assert.ok((await lines('docs/ARCHITECTURE.md')) <= ARCHITECTURE_LINES_MAX);
  });

  it('numbers its decisions one by one', async () => {
    const names = (await readdir('docs/decisions')).toSorted();
    names.forEach((name, index) => assert.match(name, new RegExp(`^${String(index + 1).padStart(4, '0')}-`)));
  });
});

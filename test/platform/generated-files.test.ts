import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { after, describe, it } from 'node:test';
import { Client } from 'pg';
import { generateAll } from '../../tools/emit.js';
import { serverUrl } from '../support/databases.js';

const CLIENT_FOLDER = 'test/support/gql/';

describe('generated files are what the sources make them', async () => {
  const server = new Client({ connectionString: serverUrl() });
  await server.connect();
  const name = `test_${randomBytes(8).toString('hex')}`;
  await server.query(`CREATE DATABASE ${name}`);
  after(async () => {
    await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await server.end();
  });
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  const generated = await generateAll(url.href);

  for (const [path, text] of generated) {
    it(path, async () => assert.equal(await readFile(path, 'utf8'), text, 'run `make generate`'));
  }

  it(CLIENT_FOLDER, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spell-codegen-'));
    try {
      const config = await readFile('codegen.yml', 'utf8');
      assert.ok(config.includes(CLIENT_FOLDER));
      const elsewhere = config
        .replace(CLIENT_FOLDER, `${folder}/out/`)
        .replaceAll(
          /^(schema|documents): (.+)$/gm,
          (_line, what: string, path: string) => `${what}: ${resolve(path)}`,
        );
      await writeFile(join(folder, 'codegen.yml'), elsewhere);
      const command = resolve('node_modules/@graphql-codegen/cli/cjs/bin.js');
      await promisify(execFile)(process.execPath, [
        command,
        '--config',
        join(folder, 'codegen.yml'),
        '--silent',
      ]);
      const files = await readdir(join(folder, 'out'));
      assert.deepEqual(files.toSorted(), (await readdir(CLIENT_FOLDER)).toSorted());
      for (const file of files) {
        assert.equal(
          await readFile(join(CLIENT_FOLDER, file), 'utf8'),
          await readFile(join(folder, 'out', file), 'utf8'),
          `${file}: run \`make generate\``,
        );
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

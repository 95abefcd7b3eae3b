import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { hasEnded } from '../../src/platform/stop-process.js';
import { startEmbeddedPostgres } from '../../src/platform/index.js';

describe('a start of PostgreSQL over what an earlier one has left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spell-leftover-'));
  after(() => rm(folder, { recursive: true, force: true }));
  const options = { folder, isDurable: false, connectionsMax: 10 };
  await (await startEmbeddedPostgres(options)).stop();

  it('stops a server that still runs', async () => {
    const killed = await startEmbeddedPostgres(options);
    const next = await startEmbeddedPostgres(options);
    assert.throws(() => process.kill(killed.pid, 0));
    await next.stop();
  });

  it('lets a stranger live who has been given the number since', async () => {
    // Its user is the same as the server's, which is when PostgreSQL itself would refuse to start.
    const asServer = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore', ...asServer });
    after(() => stranger.kill('SIGKILL'));
    const dataDir = join(folder, 'data');
    await writeFile(join(dataDir, 'postmaster.pid'), `${stranger.pid}\n${dataDir}\n`);
    await (await startEmbeddedPostgres(options)).stop();
    assert.ok(!hasEnded(stranger));
  });
});

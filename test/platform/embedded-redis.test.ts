import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startEmbeddedRedis } from '../../src/platform/index.js';
import { waitUntil } from '../support/wait.js';

const MIB = 1024 * 1024;
const NO_PROGRAMS = '';

describe('npm’s Valkey', { skip: process.platform !== 'linux' }, () => {
  it('has its memory from the start, and uses it only when there is something in it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spell-redis-'));
    const redis = await startEmbeddedRedis(folder, NO_PROGRAMS);
    try {
      // It answers before it has reserved anything.
      await waitUntil('writable memory of that size', 2_000, async () => {
        const maps = await readFile(`/proc/${redis.pid}/maps`, 'latin1');
        return sizesOf(maps).some((bytes) => bytes >= 256 * MIB);
      });
      const [, residentKib] =
        /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${redis.pid}/status`, 'latin1')) ?? [];
      assert.ok(Number(residentKib) < 200 * 1024, `${residentKib} KiB are in use`);
    } finally {
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** Of the parts of a process' memory that hold data (proc(5)). */
function sizesOf(maps: string): number[] {
  return [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw-/gm)].map(
    ([, from = '0', to = '0']) => parseInt(to, 16) - parseInt(from, 16),
  );
}

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { startHarness, type Harness } from '../support/harness.js';
import type { SeededAccount } from '../support/seed.js';
import { runCast } from '../operations/cast/run-cast.js';

const PER_ACCOUNT = 16;
const STALLED_WITHIN_MS = 15_000;

describe('downloads of artifacts', async () => {
  const harness = await startHarness();
  const { seed, config } = harness;
  const maker = await seed.account(['publish']);
  const largest = await seed.spell(maker, {
    guest: 'largest',
    runtime: { max_output_mb: 50, timeout_ms: 60_000 },
  });
  const echo = await seed.spell(maker, { guest: 'echo', input: 'bytes', output: 'bytes' });
  const [staller, other] = [await seed.account(['cast']), await seed.account(['cast'])];

  async function artifactOf(
    { client }: SeededAccount,
    input: object,
  ): Promise<{ url: string; digest: string }> {
    const { artifact } = await runCast(client, input as Parameters<typeof runCast>[1]);
    assert.ok(artifact);
    return { url: artifact.url, digest: artifact.digest };
  }
  const small = () => ({ spell: echo, inputBase64: randomBytes(300 * 1024).toString('base64') });

  it('of readers that read nothing hold up nobody else, and end after a while', async () => {
    const large = await artifactOf(staller, { spell: largest });
    const others = await artifactOf(other, small());
    const sockets = Array.from({ length: PER_ACCOUNT }, () => openStalled(harness, large.url));
    const stalledAtMs = performance.now();
    await Promise.all(sockets.map(({ answered }) => answered));
    const refused = await fetch(large.url);
    assert.equal(refused.status, 429);
    assert.equal(((await refused.json()) as { code: string }).code, 'RATE_LIMITED');
    assert.equal((await fetch(others.url)).status, 200);
    await Promise.all(sockets.map(({ cut }) => cut));
    assert.ok(performance.now() - stalledAtMs < STALLED_WITHIN_MS);
    const served = await fetch(large.url);
    assert.equal(served.status, 200);
    assert.equal((await served.arrayBuffer()).byteLength, Number(served.headers.get('content-length')));
  });

  it('give out no byte of a file that was changed', async () => {
    const { url, digest } = await artifactOf(other, small());
    const folder = join(config.dataDir, 'blobs');
    const hex = digest.slice('sha256:'.length + 2);
    const path = (await readdir(folder, { recursive: true })).find((name) => name.endsWith(hex));
    assert.ok(path);
    const bytes = await readFile(join(folder, path));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(join(folder, path), bytes);
    const response = await fetch(url);
    assert.equal(response.status, 500);
    assert.equal(((await response.json()) as { code: string }).code, 'INTERNAL');
  });
});

/** Asks for an address, reads the beginning of the answer and then nothing more. */
function openStalled(
  { app }: Harness,
  address: string,
): { answered: Promise<unknown>; cut: Promise<unknown> } {
  const { port, pathname, search } = new URL(address);
  const socket: Socket = connect({ port: Number(port), host: new URL(app.url).hostname });
  after(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\n\r\n`);
  const answered = once(socket, 'data').then(() => socket.pause());
  // A paused socket does not notice its end, but an attempt to write to it does.
  const cut = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
    const knock = setInterval(() => socket.write('\r\n'), 500);
    socket.once('close', () => clearInterval(knock));
  });
  return { answered, cut };
}

import assert from 'node:assert/strict';
import { randomBytes, createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { sha256, type Clock } from '../../../src/platform/index.js';
import { CastByIdDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { runCast } from '../cast/run-cast.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** A clock that runs, but can be turned forward. */
class TurnedClock implements Clock {
  aheadMs = 0;

  now(): Date {
    return new Date(Date.now() + this.aheadMs);
  }
}

describe('artifact', async () => {
  const clock = new TurnedClock();
  const { seed, client: clientOf } = await startHarness({ clock });
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const [echo, largest] = await Promise.all([
    seed.spell(maker, { guest: 'echo', input: 'bytes', output: 'bytes' }),
    seed.spell(maker, { guest: 'largest', runtime: { max_output_mb: 50, timeout_ms: 60_000 } }),
  ]);
  const artifactOf = async (bytes: Buffer) => {
    const cast = await runCast(client, { spell: echo, inputBase64: bytes.toString('base64') });
    assert.equal(cast.status, 'SUCCEEDED');
    assert.ok(cast.artifact);
    return { cast, artifact: cast.artifact };
  };

  it('ok: 256 KiB are part of the answer, one byte more is an artifact', async () => {
    const exact = randomBytes(256 * KIB);
    const inline = await runCast(client, { spell: echo, inputBase64: exact.toString('base64') });
    assert.equal(inline.artifact, null);
    assert.equal(inline.outputBase64, exact.toString('base64'));
    const { cast, artifact } = await artifactOf(Buffer.concat([exact, Buffer.from('x')]));
    assert.equal(cast.output, null);
    assert.equal(cast.outputBase64, null);
    assert.equal(artifact.sizeBytes, String(256 * KIB + 1));
  });

  it('ok: the address gives exactly the bytes, to whoever has it, without a key', async () => {
    const bytes = randomBytes(700 * KIB);
    const { cast, artifact } = await artifactOf(bytes);
    assert.equal(artifact.digest, sha256(bytes));
    assert.equal(cast.outputDigest, artifact.digest);
    const response = await fetch(artifact.url);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'application/octet-stream');
    assert.match(response.headers.get('content-disposition') ?? '', /^attachment/);
    assert.equal(response.headers.get('x-content-digest'), artifact.digest);
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes));
  });

  it('ok: REST shows the same artifact', async () => {
    const bytes = randomBytes(300 * KIB);
    const response = await client.fetch('/v1/cast', {
      method: 'POST',
      body: JSON.stringify({ spell_name: echo, payload_base64: bytes.toString('base64') }),
    });
    const body = (await response.json()) as {
      result: unknown;
      result_base64: unknown;
      artifact: { url: string; size_bytes: number };
    };
    assert.equal(body.result, null);
    assert.equal(body.result_base64, null);
    assert.equal(body.artifact.size_bytes, bytes.length);
    assert.ok(Buffer.from(await (await fetch(body.artifact.url)).arrayBuffer()).equals(bytes));
  });

  it('ok: text of 50 MiB, the most that a manifest can allow', async () => {
    const cast = await runCast(client, { spell: largest });
    assert.equal(cast.status, 'SUCCEEDED', JSON.stringify(cast.error));
    assert.equal(cast.output, null);
    assert.equal(cast.artifact?.sizeBytes, String(50 * MIB));
    const response = await fetch(cast.artifact?.url ?? '');
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      size += chunk.length;
    }
    assert.equal(size, 50 * MIB);
    assert.equal(`sha256:${hash.digest('hex')}`, cast.artifact?.digest);
  });

  it('forbidden: an address that was altered in any part', async () => {
    const { artifact } = await artifactOf(randomBytes(300 * KIB));
    const { cast: other } = await artifactOf(randomBytes(301 * KIB));
    const url = new URL(artifact.url);
    const altered = (change: (copy: URL) => void) => {
      const copy = new URL(url);
      change(copy);
      return copy.href;
    };
    const signature = url.searchParams.get('signature') ?? '';
    const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
    const wrong = [
      altered((copy) => copy.searchParams.set('signature', flipped)),
      altered((copy) => copy.searchParams.set('signature', signature.slice(0, -4))),
      altered((copy) => copy.searchParams.set('signature', '')),
      altered((copy) =>
        copy.searchParams.set('expires', String(Number(url.searchParams.get('expires')) + 1)),
      ),
      altered((copy) => (copy.pathname = `/v1/artifacts/${other.id}`)),
    ];
    for (const address of wrong) {
      const response = await fetch(address);
      assert.equal(response.status, 403, address);
      assert.equal(((await response.json()) as { code: string }).code, 'FORBIDDEN');
    }
    const missing = altered((copy) => copy.searchParams.delete('signature'));
    assert.equal((await fetch(missing)).status, 400);
    assert.equal((await fetch(url)).status, 200);
  });

  it('forbidden: an address that has expired; asking again gives a fresh one', async () => {
    const { cast, artifact } = await artifactOf(randomBytes(300 * KIB));
    clock.aheadMs = Date.parse(artifact.expiresAt) - Date.now() + 1_000;
    try {
      const response = await fetch(artifact.url);
      assert.equal(response.status, 403);
      const { cast: again } = await client.get(CastByIdDocument, { id: cast.id });
      assert.notEqual(again?.artifact?.url, artifact.url);
      assert.equal((await fetch(again?.artifact?.url ?? '')).status, 200);
    } finally {
      clock.aheadMs = 0;
    }
  });

  it('not found: the cast of another account shows nobody else an address', async () => {
    const { cast } = await artifactOf(randomBytes(300 * KIB));
    const stranger = await seed.account(['admin']);
    const { cast: found } = await stranger.client.get(CastByIdDocument, { id: cast.id });
    assert.equal(found, null);
    assert.equal((await clientOf().fetch(`/v1/artifacts/${cast.id}`)).status, 400);
  });
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sha256 } from '../../../src/platform/index.js';
import { writePackage } from '../../../src/provenance/index.js';
import type { ApiClient } from '../../support/client.js';
import { PublishSpellDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { buildManifest, buildPackage, guestModule } from '../../support/packages.js';
import { runCast } from '../cast/run-cast.js';

const MIB = 1024 * 1024;
const freshKey = () => `com.example.upload-${randomBytes(6).toString('hex')}`;

describe('PUT /v1/uploads/:digest', async () => {
  const { seed, client, config } = await startHarness();
  const maker = await seed.account(['publish', 'cast']);

  const upload = (by: ApiClient, digest: string, body: Uint8Array, type = 'application/octet-stream') =>
    by.fetch(`/v1/uploads/${digest}`, {
      method: 'PUT',
      body: body as BodyInit,
      headers: { 'content-type': type },
    });
  const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;
  const storedFiles = async () => {
    const found = await readdir(join(config.dataDir, 'blobs'), {
      recursive: true,
      withFileTypes: true,
    }).catch(() => []);
    return found.filter((entry) => entry.isFile()).map((entry) => entry.name);
  };

  it('ok: an upload can be published by its digest, over GraphQL and over REST', async () => {
    for (const edge of ['graphql', 'rest']) {
      const key = freshKey();
      const bytes = await buildPackage({ key });
      const digest = sha256(bytes);
      const response = await upload(maker.client, digest, bytes);
      assert.equal(response.status, 201);
      assert.deepEqual(await response.json(), { digest, size_bytes: bytes.length });
      if (edge === 'graphql') {
        const { publishSpell } = await maker.client.get(PublishSpellDocument, {
          input: { uploadDigest: digest },
        });
        assert.equal(publishSpell.version.packageDigest, digest);
      } else {
        const published = await maker.client.fetch('/v1/spells', {
          method: 'POST',
          body: JSON.stringify({ upload_digest: digest }),
        });
        assert.equal(published.status, 201);
      }
    }
  });

  it('ok: the same upload twice', async () => {
    const bytes = await buildPackage({ key: freshKey() });
    const responses = await Promise.all(
      [1, 2].map(() => upload(maker.client, sha256(bytes), bytes, 'application/x-tar')),
    );
    assert.deepEqual(
      responses.map(({ status }) => status),
      [201, 201],
    );
  });

  it('ok: a package of 60 MiB is published, runs, and reads its resource', async () => {
    const key = freshKey();
    const marker = randomBytes(1_000).toString('hex');
    const entries = new Map<string, Uint8Array>([
      ['manifest.json', Buffer.from(JSON.stringify(buildManifest({ key, resources: {} })))],
      ['spell.wasm', guestModule('resource')],
      ['sbom.spdx.json', await sbomOf(key)],
      ['resources/marker.txt', Buffer.from(marker)],
      ...Array.from({ length: 6 }, (_, i) => [`resources/random-${i}.bin`, randomBytes(10 * MIB)] as const),
    ]);
    const bytes = writePackage(entries);
    assert.ok(bytes.length > 60 * MIB);
    assert.equal((await upload(maker.client, sha256(bytes), bytes)).status, 201);
    await maker.client.get(PublishSpellDocument, { input: { uploadDigest: sha256(bytes) } });
    const cast = await runCast(maker.client, { spell: key, input: 'marker.txt' });
    assert.equal(cast.status, 'SUCCEEDED', JSON.stringify(cast.error));
    assert.equal(cast.output, marker);
  });

  it('bad input: bytes that are not those of the address are refused, and nothing is kept', async () => {
    const before = (await storedFiles()).length;
    const [bytes, other] = [randomBytes(100_000), randomBytes(100_000)];
    const response = await upload(maker.client, sha256(other), bytes);
    assert.equal(response.status, 400);
    assert.equal(await codeOf(response), 'BAD_USER_INPUT');
    assert.equal((await storedFiles()).length, before);
    const error = await maker.client.refusal(PublishSpellDocument, {
      input: { uploadDigest: sha256(other) },
    });
    assert.equal(error.extensions.code, 'NOT_FOUND');
  });

  it('bad input: an upload never replaces stored bytes with others of a wrong digest', async () => {
    const bytes = await buildPackage({ key: freshKey() });
    assert.equal((await upload(maker.client, sha256(bytes), bytes)).status, 201);
    assert.equal((await upload(maker.client, sha256(bytes), randomBytes(500))).status, 400);
    await maker.client.get(PublishSpellDocument, { input: { uploadDigest: sha256(bytes) } });
  });

  it('bad input: an address that is no digest', async () => {
    for (const digest of [
      'sha256:abc',
      `sha512:${'0'.repeat(64)}`,
      `sha256:${'A'.repeat(64)}`,
      '..%2F..%2Fetc',
    ]) {
      const response = await upload(maker.client, digest, Buffer.from('x'));
      assert.equal(response.status, 400, digest);
    }
  });

  it('payload too large: one byte more than 64 MiB, and nothing is kept', async () => {
    const before = (await storedFiles()).length;
    const bytes = Buffer.alloc(64 * MIB + 1);
    const response = await upload(maker.client, sha256(bytes), bytes);
    assert.equal(response.status, 413);
    assert.equal(await codeOf(response), 'PAYLOAD_TOO_LARGE');
    assert.equal((await storedFiles()).length, before);
  });

  it('not found: an upload of somebody else, though its digest is known', async () => {
    const bytes = await buildPackage({ key: freshKey() });
    const stranger = await seed.account(['publish']);
    assert.equal((await upload(stranger.client, sha256(bytes), bytes)).status, 201);
    const error = await maker.client.refusal(PublishSpellDocument, {
      input: { uploadDigest: sha256(bytes) },
    });
    assert.equal(error.extensions.code, 'NOT_FOUND');
    const response = await maker.client.fetch('/v1/spells', {
      method: 'POST',
      body: JSON.stringify({ upload_digest: sha256(bytes) }),
    });
    assert.equal(response.status, 404);
  });

  it('not found: the digest of a blob that was stored by other means than an upload', async () => {
    const bytes = await buildPackage({ key: freshKey() });
    const { publishSpell } = await maker.client.get(PublishSpellDocument, {
      input: { packageBase64: bytes.toString('base64') },
    });
    const error = await maker.client.refusal(PublishSpellDocument, {
      input: { uploadDigest: publishSpell.version.packageDigest },
    });
    assert.equal(error.extensions.code, 'NOT_FOUND');
  });

  it('forbidden and unauthenticated', async () => {
    const caster = await seed.account(['cast', 'read']);
    const bytes = Buffer.from('anything');
    assert.equal((await upload(caster.client, sha256(bytes), bytes)).status, 403);
    assert.equal((await upload(client(), sha256(bytes), bytes)).status, 401);
  });
});

/** The SBOM that every package of the tests carries. */
async function sbomOf(key: string): Promise<Buffer> {
  const tar = await buildPackage({ key });
  const at = tar.indexOf('{"spdxVersion"');
  return tar.subarray(at, tar.indexOf(0, at));
}

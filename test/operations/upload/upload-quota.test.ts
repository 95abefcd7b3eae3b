import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BlobStore, sha256, type Clock } from '../../../src/platform/index.js';
import { UploadSweeper } from '../../../src/spells/index.js';
import { PublishSpellDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { buildPackage } from '../../support/packages.js';
import type { SeededAccount } from '../../support/seed.js';
import { runCast } from '../cast/run-cast.js';

const MIB = 1024 * 1024;
const DAY_MS = 24 * 3_600_000;

/** A day and an hour later than it is. */
const tomorrow: Clock = { now: () => new Date(Date.now() + DAY_MS + 3_600_000) };

describe('uploads that nobody publishes', async () => {
  const { seed, config, app } = await startHarness();
  const folder = join(config.dataDir, 'blobs');
  const sweeper = new UploadSweeper({ ...app, clock: tomorrow, blobs: new BlobStore(folder) });
  const put = (by: SeededAccount, bytes: Uint8Array) =>
    by.client.fetch(`/v1/uploads/${sha256(bytes)}`, {
      method: 'PUT',
      body: bytes as BodyInit,
      headers: { 'content-type': 'application/octet-stream' },
    });
  const upload = async (by: SeededAccount, bytes: Uint8Array) => {
    const response = await put(by, bytes);
    assert.equal(response.status, 201, await response.clone().text());
  };
  const isStored = async (bytes: Uint8Array) =>
    (await readdir(folder, { recursive: true })).some((name) =>
      name.endsWith(sha256(bytes).slice('sha256:'.length + 2)),
    );

  it('payload too large: beyond a GiB of them, until some are published', async () => {
    const maker = await seed.account(['publish']);
    const bytes = await buildPackage({ key: `com.example.quota-${randomBytes(6).toString('hex')}` });
    await upload(maker, bytes);
    await app.database.query(
      `INSERT INTO uploads (account_id, digest, size_bytes, created_at)
       SELECT $1, 'sha256:' || lpad(n::text, 64, '0'), $2, now() FROM generate_series(1, 15) AS n`,
      [maker.accountId, 64 * MIB],
    );
    await app.database.query(`UPDATE uploads SET size_bytes = $2 WHERE digest = $1`, [
      sha256(bytes),
      64 * MIB,
    ]);
    const refused = await put(maker, randomBytes(100));
    assert.equal(refused.status, 413);
    assert.equal(((await refused.json()) as { code: string }).code, 'PAYLOAD_TOO_LARGE');
    await maker.client.get(PublishSpellDocument, { input: { uploadDigest: sha256(bytes) } });
    await upload(maker, randomBytes(100));
  });

  it('rate limited: more than four on their way at once', async () => {
    const maker = await seed.account(['publish']);
    const statuses = await Promise.all(
      Array.from({ length: 12 }, async () => (await put(maker, randomBytes(5 * MIB))).status),
    );
    assert.deepEqual(new Set(statuses), new Set([201, 429]));
  });

  it('are dropped after a day, with their bytes', async () => {
    const maker = await seed.account(['publish']);
    const bytes = randomBytes(1_000);
    await upload(maker, bytes);
    await new UploadSweeper({
      ...app,
      clock: { now: () => new Date() },
      blobs: new BlobStore(folder),
    }).sweep();
    assert.ok(await isStored(bytes));
    await sweeper.sweep();
    assert.ok(!(await isStored(bytes)));
    const input = { uploadDigest: sha256(bytes) };
    const { extensions } = await maker.client.refusal(PublishSpellDocument, { input });
    assert.equal(extensions.code, 'NOT_FOUND');
  });

  it('leave the bytes that a version, a cast or another upload needs', async () => {
    const [maker, other] = [await seed.account(['publish', 'cast']), await seed.account(['publish'])];
    const echo = await seed.spell(maker, { guest: 'echo', input: 'bytes', output: 'bytes' });
    const published = await buildPackage({ key: `com.example.kept-${randomBytes(6).toString('hex')}` });
    const cast = randomBytes(300 * 1024);
    const shared = randomBytes(1_000);
    for (const bytes of [published, cast, shared]) await upload(maker, bytes);
    await maker.client.get(PublishSpellDocument, { input: { uploadDigest: sha256(published) } });
    const { artifact } = await runCast(maker.client, { spell: echo, inputBase64: cast.toString('base64') });
    await upload(other, shared);
    await app.database.query(`UPDATE uploads SET created_at = $2 WHERE account_id = $1`, [
      other.accountId,
      tomorrow.now(),
    ]);
    await sweeper.sweep();
    for (const bytes of [published, cast, shared]) assert.ok(await isStored(bytes));
    assert.equal((await fetch(artifact?.url ?? '')).status, 200);
  });

  it('leave no drafts when they break off', async () => {
    const drafts = join(folder, 'drafts');
    await mkdir(drafts, { recursive: true });
    await writeFile(join(drafts, 'broken-off'), 'x');
    const yesterday = new Date(Date.now() - DAY_MS);
    await utimes(join(drafts, 'broken-off'), yesterday, yesterday);
    await sweeper.sweep();
    assert.deepEqual(await readdir(drafts), []);
  });
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, it } from 'node:test';
import { sha256 } from '../../../src/platform/index.js';
import type { ApiClient } from '../../support/client.js';
import { PublishSpellDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { assemble, buildManifest, buildPackage, type PackageOptions } from '../../support/packages.js';

interface Reason {
  path: string;
  reason: string;
}

const freshKey = () => `com.example.publish-${randomBytes(6).toString('hex')}`;

const SBOM_CDX = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: { component: { type: 'application', name: 'guest', version: '1.0.0' } },
  components: [{ type: 'library', name: 'part', version: '1.0.0' }],
};

describe('publishSpell', async () => {
  const { seed, client, app } = await startHarness({ roles: ['api'] });
  const maker = await seed.account(['publish']);

  const publish = (by: ApiClient, bytes: Buffer) =>
    by.get(PublishSpellDocument, { input: { packageBase64: bytes.toString('base64') } });
  const refuse = (by: ApiClient, bytes: Buffer) =>
    by.refusal(PublishSpellDocument, { input: { packageBase64: bytes.toString('base64') } });
  const reasonsFor = async (options: PackageOptions): Promise<Reason[]> => {
    const error = await refuse(maker.client, await buildPackage(options));
    assert.equal(error.extensions.code, 'SPELL_REJECTED');
    return error.extensions['reasons'] as Reason[];
  };

  it('ok: a package in base64 becomes a version with all its digests', async () => {
    const key = freshKey();
    const wasm = assemble('(module (memory (export "memory") 1) (func (export "_start")))');
    const bytes = await buildPackage({
      key,
      wasm,
      version: '2.3.4',
      tags: ['alpha', 'beta'],
      input: 'json',
      schema: { type: 'object' },
    });
    const { publishSpell } = await publish(maker.client, bytes);
    const { version, warnings } = publishSpell;
    assert.equal(version.spell.key, key);
    assert.equal(version.version, '2.3.4');
    assert.equal(version.name, 'Guest');
    assert.deepEqual(version.tags, ['alpha', 'beta']);
    assert.deepEqual(version.inputSchema, { type: 'object' });
    assert.equal(version.packageDigest, sha256(bytes));
    assert.equal(version.moduleDigest, sha256(wasm));
    assert.notEqual(version.preparedModuleDigest, version.moduleDigest);
    assert.equal(version.yankedAt, null);
    assert.ok(
      warnings.some((warning) => /not signed/.test(warning)),
      `${warnings.join()} tells that nobody signed`,
    );
  });

  it('ok: a TOML manifest says the same as a JSON one', async () => {
    const key = freshKey();
    const toml = [
      `[spell]\nkey = "${key}"\nname = "Toml"\nversion = "1.0.0"\ndescription = "d"\nlicense = "MIT"`,
      '[runtime]\ntimeout_ms = 1234\nmax_fuel = 5_000',
      '[runtime.policy]\nfs_read = []',
      '[io]\ninput_format = "text"\noutput_format = "text"',
      '[pricing]\nmodel = "flat"\nprice_usd = "0.25"\n',
    ].join('\n');
    await publish(
      maker.client,
      await buildPackage({ key, entries: { 'manifest.json': null, 'manifest.toml': toml } }),
    );
    const { data } = await maker.client.askText<{
      spell: { latestVersion: { name: string; manifest: Record<string, Record<string, unknown>> } };
    }>('query ($key: String!) { spell(key: $key) { latestVersion { name manifest } } }', { key });
    const found = data?.spell.latestVersion;
    assert.equal(found?.name, 'Toml');
    assert.equal(found?.manifest['runtime']?.['timeout_ms'], 1234);
    assert.equal(found?.manifest['runtime']?.['max_fuel'], 5000);
    assert.equal(found?.manifest['pricing']?.['price_micros'], '250000');
  });

  it('ok: the same bytes again are the same version', async () => {
    const bytes = await buildPackage({ key: freshKey() });
    const first = await publish(maker.client, bytes);
    const second = await publish(maker.client, bytes);
    assert.deepEqual(second.publishSpell.version, first.publishSpell.version);
  });

  it('ok: publishing the same bytes at the same time answers one version to all', async () => {
    const key = freshKey();
    const bytes = await buildPackage({ key });
    const answers = await Promise.all(Array.from({ length: 6 }, () => publish(maker.client, bytes)));
    const ids = new Set(answers.map(({ publishSpell }) => publishSpell.version.id));
    assert.equal(ids.size, 1);
    const rows = await app.database.query(
      `SELECT v.id FROM spell_versions v JOIN spells s ON s.id = v.spell_id WHERE s.key = $1`,
      [key],
    );
    assert.equal(rows.length, 1);
  });

  it('conflict: other bytes under the same version, also when both come at once', async () => {
    const key = freshKey();
    const [one, other] = [
      await buildPackage({ key, tags: ['one'] }),
      await buildPackage({ key, tags: ['other'] }),
    ];
    const input = (bytes: Buffer) => ({ input: { packageBase64: bytes.toString('base64') } });
    const answers = await Promise.all(
      [one, other].map((bytes) => maker.client.ask(PublishSpellDocument, input(bytes))),
    );
    const refused = answers.flatMap(({ errors }) => errors);
    assert.deepEqual(
      refused.map((error) => error.extensions.code),
      ['CONFLICT'],
    );
    const winner = answers.find(({ data }) => data !== null)?.data?.publishSpell.version.packageDigest;
    assert.equal(refused[0]?.extensions['packageDigest'], winner);
    const loser = winner === sha256(one) ? other : one;
    assert.equal((await refuse(maker.client, loser)).extensions.code, 'CONFLICT');
  });

  it('forbidden: a key that another account owns, though the version is new', async () => {
    const key = freshKey();
    await publish(maker.client, await buildPackage({ key }));
    const stranger = await seed.account(['publish']);
    const error = await refuse(stranger.client, await buildPackage({ key, version: '1.0.1' }));
    assert.equal(error.extensions.code, 'FORBIDDEN');
  });

  it('forbidden: a key without the scope publish', async () => {
    const caster = await seed.account(['cast', 'read']);
    assert.equal(
      (await refuse(caster.client, await buildPackage({ key: freshKey() }))).extensions.code,
      'FORBIDDEN',
    );
  });

  it('unauthenticated: nobody', async () => {
    assert.equal(
      (await refuse(client(), await buildPackage({ key: freshKey() }))).extensions.code,
      'UNAUTHENTICATED',
    );
  });

  it('bad input: neither package nor upload, both, and what is not base64', async () => {
    const packageBase64 = (await buildPackage({ key: freshKey() })).toString('base64');
    const uploadDigest = sha256('anything');
    for (const input of [{}, { packageBase64, uploadDigest }, { packageBase64: '!!!' }]) {
      const error = await maker.client.refusal(PublishSpellDocument, { input });
      assert.equal(error.extensions.code, 'BAD_USER_INPUT', JSON.stringify(Object.keys(input)));
    }
  });

  it('bad input: what is almost base64 is refused at once, however long it is', async () => {
    const startedMs = performance.now();
    const error = await maker.client.refusal(PublishSpellDocument, {
      input: { packageBase64: `${' '.repeat(40_000)}!` },
    });
    const elapsedMs = performance.now() - startedMs;
    assert.equal(error.extensions.code, 'BAD_USER_INPUT');
    assert.ok(elapsedMs < 10_000, `40 kB of spaces took ${Math.round(elapsedMs)} ms to refuse`);
  });

  it('payload too large: more than 64 MiB in base64', async () => {
    const packageBase64 = Buffer.alloc(64 * 1024 * 1024 + 1).toString('base64');
    const error = await maker.client.refusal(PublishSpellDocument, { input: { packageBase64 } });
    assert.equal(error.extensions.code, 'PAYLOAD_TOO_LARGE');
  });

  it('rejected: everything that is wrong is said at once, each with its place', async () => {
    const key = freshKey();
    const manifest = buildManifest({ key, input: 'json' });
    const reasons = await reasonsFor({
      key,
      wasm: assemble(`(module
        (import "env" "telepathy" (func))
        (import "wasi_snapshot_preview1" "no_such_call" (func))
        (memory (export "memory") 1) (func (export "_start")))`),
      entries: {
        'manifest.json': JSON.stringify({
          ...manifest,
          runtime: { timeout_ms: 0, max_memory_mb: 1_000_000 },
        }),
        'schema.json': JSON.stringify({ type: 'no-such-type' }),
        'sbom.spdx.json': JSON.stringify({ spdxVersion: 'SPDX-2.3' }),
      },
    });
    const paths = reasons.map(({ path }) => path);
    assert.ok(paths.includes('manifest.json/runtime/timeout_ms'), paths.join());
    assert.ok(paths.includes('manifest.json/runtime/max_memory_mb'), paths.join());
    assert.ok(
      paths.some((path) => path.startsWith('schema.json')),
      paths.join(),
    );
    assert.ok(
      paths.some((path) => path.startsWith('sbom.spdx.json')),
      paths.join(),
    );
    const imports = reasons
      .filter(({ path }) => path.startsWith('spell.wasm/imports/'))
      .map(({ reason }) => reason);
    assert.equal(imports.length, 2);
    assert.match(imports.join('\n'), /env\.telepathy/);
    assert.match(imports.join('\n'), /wasi_snapshot_preview1\.no_such_call/);
  });

  it('rejected: a bundle that does not sign the package is named besides what else is wrong', async () => {
    const bytes = await buildPackage({ key: freshKey(), entries: { 'sbom.spdx.json': null } });
    const input = { packageBase64: bytes.toString('base64'), bundle: { mediaType: 'text/plain' } };
    const error = await maker.client.refusal(PublishSpellDocument, { input });
    assert.equal(error.extensions.code, 'SPELL_REJECTED');
    const paths = (error.extensions['reasons'] as Reason[]).map(({ path }) => path);
    assert.ok(
      paths.some((path) => /sbom/i.test(path)),
      paths.join(),
    );
    assert.ok(
      paths.some((path) => /bundle/i.test(path)),
      paths.join(),
    );
  });

  it('rejected: no SBOM', async () => {
    const reasons = await reasonsFor({ key: freshKey(), entries: { 'sbom.spdx.json': null } });
    assert.match(JSON.stringify(reasons), /sbom/i);
  });

  it('rejected: two SBOMs, so that nobody can pick the convenient one', async () => {
    const reasons = await reasonsFor({ key: freshKey(), entries: { 'sbom.cdx.json': '{}' } });
    assert.match(JSON.stringify(reasons), /sbom/i);
  });

  it('rejected: what is not WebAssembly, and what only begins like it', async () => {
    const notWasm = await reasonsFor({ key: freshKey(), wasm: Buffer.from('#!/bin/sh\necho hello\n') });
    assert.ok(
      notWasm.every(({ path }) => path.startsWith('spell.wasm')),
      JSON.stringify(notWasm),
    );
    const broken = await reasonsFor({ key: freshKey(), wasm: Buffer.from('0061736d01000000ffff', 'hex') });
    assert.ok(
      broken.every(({ path }) => path.startsWith('spell.wasm')),
      JSON.stringify(broken),
    );
  });

  it('rejected: a module whose structure is right but whose code is not valid', async () => {
    const wasm = Buffer.from(
      assemble('(module (memory (export "memory") 1) (func (export "_start") (drop (i32.const 1))))'),
    );
    const drop = wasm.indexOf(Buffer.from([0x41, 0x01, 0x1a]));
    wasm[drop + 2] = 0x6a; // An addition of one number and nothing.
    const reasons = await reasonsFor({ key: freshKey(), wasm });
    assert.ok(
      reasons.every(({ path }) => path.startsWith('spell.wasm')),
      JSON.stringify(reasons),
    );
  });

  it('rejected: a module without _start, and one that brings a start function', async () => {
    const missing = await reasonsFor({
      key: freshKey(),
      wasm: assemble('(module (memory (export "memory") 1))'),
    });
    assert.match(JSON.stringify(missing), /_start/);
  });

  it('rejected: a compressed tar', async () => {
    const error = await refuse(maker.client, gzipSync(await buildPackage({ key: freshKey() })));
    assert.equal(error.extensions.code, 'SPELL_REJECTED');
    assert.match(JSON.stringify(error.extensions['reasons']), /gzip/);
  });

  it('rejected: an empty body', async () => {
    const error = await maker.client.refusal(PublishSpellDocument, { input: { packageBase64: '' } });
    assert.equal(error.extensions.code, 'SPELL_REJECTED');
  });

  it('rejected packages leave nothing behind: neither key nor version', async () => {
    const key = freshKey();
    await reasonsFor({ key, entries: { 'sbom.spdx.json': null } });
    const rows = await app.database.query(`SELECT 1 FROM spells WHERE key = $1`, [key]);
    assert.equal(rows.length, 0);
    const stranger = await seed.account(['publish']);
    await publish(stranger.client, await buildPackage({ key }));
  });

  describe('POST /v1/spells', () => {
    const post = (by: ApiClient, body: object) =>
      by.fetch('/v1/spells', { method: 'POST', body: JSON.stringify(body) });

    it('ok: 201 with the version, and GraphQL knows the same one', async () => {
      const key = freshKey();
      const bytes = await buildPackage({ key });
      const response = await post(maker.client, { package_base64: bytes.toString('base64') });
      assert.equal(response.status, 201);
      const body = (await response.json()) as Record<string, unknown>;
      assert.equal(body['key'], key);
      assert.equal(body['version'], '1.0.0');
      assert.equal(body['package_digest'], sha256(bytes));
      const again = await publish(maker.client, bytes);
      assert.equal(again.publishSpell.version.moduleDigest, body['module_digest']);
    });

    it('rejected: 422 with the same reasons as GraphQL', async () => {
      const bytes = await buildPackage({ key: freshKey(), entries: { 'sbom.spdx.json': null } });
      const response = await post(maker.client, { package_base64: bytes.toString('base64') });
      assert.equal(response.status, 422);
      assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/);
      const problem = (await response.json()) as { code: string; reasons: Reason[] };
      assert.equal(problem.code, 'SPELL_REJECTED');
      const error = await refuse(maker.client, bytes);
      assert.deepEqual(problem.reasons, error.extensions['reasons']);
    });

    it('conflict 409, forbidden 403, unauthenticated 401, bad input 400', async () => {
      const key = freshKey();
      const body = async (tags: string[]) => ({
        package_base64: (await buildPackage({ key, tags })).toString('base64'),
      });
      assert.equal((await post(maker.client, await body(['one']))).status, 201);
      assert.equal((await post(maker.client, await body(['two']))).status, 409);
      const stranger = await seed.account(['publish']);
      assert.equal((await post(stranger.client, await body(['one']))).status, 403);
      assert.equal((await post(client(), { package_base64: '' })).status, 401);
      assert.equal((await post(maker.client, {})).status, 400);
      assert.equal((await post(maker.client, { package_base64: '', surprise: true })).status, 400);
    });
  });

  describe('GET /v1/spells/:key/sbom', () => {
    it('ok: exactly the bytes of the package, with their media type', async () => {
      const key = freshKey();
      const sbom = JSON.stringify(SBOM_CDX, null, 3);
      await publish(
        maker.client,
        await buildPackage({ key, entries: { 'sbom.spdx.json': null, 'sbom.cdx.json': sbom } }),
      );
      const response = await maker.client.fetch(`/v1/spells/${key}/sbom`);
      assert.equal(response.status, 200);
      assert.match(response.headers.get('content-type') ?? '', /^application\/vnd\.cyclonedx\+json/);
      assert.equal(response.headers.get('x-spell-version'), '1.0.0');
      assert.equal(await response.text(), sbom);
    });

    it('ok: SPDX by version and by range', async () => {
      const key = freshKey();
      for (const version of ['1.0.0', '2.0.0'])
        await publish(maker.client, await buildPackage({ key, version }));
      for (const [reference, version] of [
        [key, '2.0.0'],
        [`${key}@1.0.0`, '1.0.0'],
        [`${key}@^1`, '1.0.0'],
      ]) {
        const response = await maker.client.fetch(`/v1/spells/${encodeURIComponent(reference ?? '')}/sbom`);
        assert.equal(response.headers.get('x-spell-version'), version, reference);
        assert.match(response.headers.get('content-type') ?? '', /^application\/spdx\+json/);
        assert.equal(((await response.json()) as { spdxVersion: string }).spdxVersion, 'SPDX-2.3');
      }
    });

    it('not found 404, malformed 400, unauthenticated 401', async () => {
      assert.equal((await maker.client.fetch('/v1/spells/com.example.nobody/sbom')).status, 404);
      assert.equal((await maker.client.fetch('/v1/spells/com.example.nobody@latest/sbom')).status, 400);
      assert.equal((await client().fetch('/v1/spells/com.example.nobody/sbom')).status, 401);
    });
  });
});

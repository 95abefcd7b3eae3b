import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiClient } from '../../support/client.js';
import { CastDocument, EstimateCastDocument, YankSpellVersionDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { spawnProcess } from '../../support/processes.js';
import { runCast, waitForEnd } from '../cast/run-cast.js';

const FOLLOWS_WITHIN_MS = 5_000;

describe('yankSpellVersion', async () => {
  const { seed, client, environment } = await startHarness();
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast', 'read']);
  const elsewhere = await spawnProcess('api', environment);

  const yank = (key: string, version: string) =>
    maker.client.get(YankSpellVersionDocument, { input: { key, version } });
  const pick = async (by: ApiClient, spell: string) => {
    const { data, errors } = await by.ask(CastDocument, { input: { spell } });
    return data?.cast.cast.spellVersion.version ?? errors[0]?.extensions.code;
  };
  const twoVersions = async () => {
    const key = await seed.spell(maker, { version: '1.0.0' });
    return seed.spell(maker, { key, version: '1.1.0' });
  };

  it('ok: the next cast picks the lower version at once; the yanked one is not found even exactly', async () => {
    const key = await twoVersions();
    assert.equal(await pick(caster.client, key), '1.1.0');
    assert.equal(await pick(caster.client, `${key}@1.1.0`), '1.1.0');
    const { yankSpellVersion } = await yank(key, '1.1.0');
    assert.notEqual(yankSpellVersion.version.yankedAt, null);
    assert.equal(await pick(caster.client, key), '1.0.0');
    assert.equal(await pick(caster.client, `${key}@^1`), '1.0.0');
    assert.equal(await pick(caster.client, `${key}@1.1.0`), 'NOT_FOUND');
    await yank(key, '1.0.0');
    assert.equal(await pick(caster.client, key), 'NOT_FOUND');
  });

  it('ok: another API process follows within five seconds', async () => {
    const key = await twoVersions();
    const other = new ApiClient(elsewhere.url, caster.apiKey);
    assert.equal(await pick(other, key), '1.1.0');
    await yank(key, '1.1.0');
    const startedMs = performance.now();
    while ((await pick(other, key)) !== '1.0.0') {
      assert.ok(
        performance.now() - startedMs < FOLLOWS_WITHIN_MS,
        'the other process still picks the yanked version',
      );
    }
  });

  it('ok: a cast that was accepted before still runs, and runs the yanked version', async () => {
    const key = await seed.spell(maker, { guest: 'ticker', version: '1.0.0' });
    const { cast } = await caster.client.get(CastDocument, { input: { spell: key } });
    await yank(key, '1.0.0');
    const ended = await waitForEnd(caster.client, cast.cast.id);
    assert.equal(ended.status, 'SUCCEEDED');
    assert.equal(ended.spellVersion.version, '1.0.0');
  });

  it('ok: yanking twice keeps the first moment', async () => {
    const key = await twoVersions();
    const first = await yank(key, '1.1.0');
    const second = await yank(key, '1.1.0');
    assert.equal(second.yankSpellVersion.version.yankedAt, first.yankSpellVersion.version.yankedAt);
  });

  it('ok: a yanked version may be cast again by nobody, and its bytes cannot be published anew', async () => {
    const key = await seed.spell(maker, { version: '1.0.0' });
    await yank(key, '1.0.0');
    await seed.spell(maker, { key, version: '1.0.0' });
    assert.equal(await pick(caster.client, key), 'NOT_FOUND');
  });

  it('ok: casts and estimates agree about what is yanked', async () => {
    const key = await seed.spell(maker, { version: '1.0.0' });
    assert.equal((await runCast(caster.client, { spell: key })).status, 'SUCCEEDED');
    await yank(key, '1.0.0');
    const error = await caster.client.refusal(EstimateCastDocument, { input: { spell: key } });
    assert.equal(error.extensions.code, 'NOT_FOUND');
  });

  it('not found: an unknown spell, an unknown version, and a range instead of a version', async () => {
    const key = await twoVersions();
    for (const input of [
      { key: 'com.example.nobody', version: '1.0.0' },
      { key, version: '9.9.9' },
      { key, version: '^1' },
    ]) {
      const error = await maker.client.refusal(YankSpellVersionDocument, { input });
      assert.equal(error.extensions.code, 'NOT_FOUND');
    }
  });

  it('forbidden: another account, and a key without the scope publish', async () => {
    const key = await twoVersions();
    const input = { key, version: '1.1.0' };
    const stranger = await seed.account(['publish']);
    assert.equal(
      (await stranger.client.refusal(YankSpellVersionDocument, { input })).extensions.code,
      'FORBIDDEN',
    );
    const reader = await seed.key(maker.accountId, ['read', 'cast']);
    assert.equal(
      (await reader.client.refusal(YankSpellVersionDocument, { input })).extensions.code,
      'FORBIDDEN',
    );
    assert.equal(await pick(caster.client, key), '1.1.0');
  });

  it('unauthenticated: nobody', async () => {
    const input = { key: 'com.example.any', version: '1.0.0' };
    assert.equal(
      (await client().refusal(YankSpellVersionDocument, { input })).extensions.code,
      'UNAUTHENTICATED',
    );
  });
});

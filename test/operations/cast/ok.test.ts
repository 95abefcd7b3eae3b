import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CastByIdDocument, CastDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';

describe('cast', async () => {
  const { seed } = await startHarness();
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast']);

  it('runs a text spell and streams its output', async () => {
    const spell = await seed.spell(maker, { guest: 'echo' });
    const { cast } = await caster.client.get(CastDocument, { input: { spell, input: 'hello' } });
    assert.equal(cast.cast.status, 'QUEUED');
    const events = await caster.client.watch(cast.cast.id);
    assert.deepEqual(
      events.map((event) => event.__typename),
      ['CastQueued', 'CastStarted', 'CastOutput', 'CastFinished'],
    );
    assert.deepEqual(
      events.map((event) => event.sequence),
      [1, 2, 3, 4],
    );
    const { cast: ended } = await caster.client.get(CastByIdDocument, { id: cast.cast.id });
    assert.equal(ended?.status, 'SUCCEEDED');
    assert.equal(ended?.output, 'hello');
    assert.equal(ended?.outputBase64, Buffer.from('hello').toString('base64'));
    assert.equal(ended?.attempts, 1);
  });
});

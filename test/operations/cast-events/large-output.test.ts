import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CastDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';

const MIB = 1024 * 1024;

describe('castEvents: an output of 50 MiB', async () => {
  const { seed } = await startHarness();
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const spell = await seed.spell(maker, {
    guest: 'largest',
    output: 'bytes',
    runtime: { max_output_mb: 50 },
  });

  it('arrives whole and without a gap, live and again after the end', async () => {
    const { cast } = await client.get(CastDocument, { input: { spell, input: '' } });
    for (const time of ['live', 'afterwards']) {
      const events = await client.watch(cast.cast.id);
      const sizes = events.map((event) =>
        'base64' in event ? Buffer.from(event.base64, 'base64').length : 0,
      );
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        50 * MIB,
        time,
      );
      assert.ok(
        events.every((event, index) => event.sequence === index + 1),
        time,
      );
      assert.equal(events.at(-1)?.__typename, 'CastFinished', time);
    }
  });
});

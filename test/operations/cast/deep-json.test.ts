import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CastDocument, CastsDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { runCast } from './run-cast.js';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('cast: JSON that is nested deeply', async () => {
  const { seed } = await startHarness();
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const toJson = await seed.spell(maker, { guest: 'echo', input: 'text', output: 'json' });
  const fromJson = await seed.spell(maker, { guest: 'echo', input: 'json', output: 'json' });

  it('as output is INVALID_OUTPUT, and the list of casts can still be read', async () => {
    const cast = await runCast(client, { spell: toJson, input: nested(20_000) });
    assert.equal(cast.error?.code, 'INVALID_OUTPUT');
    const { viewer } = await client.get(CastsDocument, { first: 5 });
    assert.equal(viewer.casts.edges.length, 1);
  });

  it('as output within the limit is an output', async () => {
    assert.equal((await runCast(client, { spell: toJson, input: nested(200) })).status, 'SUCCEEDED');
  });

  it('as input is BAD_USER_INPUT by REST', async () => {
    const response = await client.fetch('/v1/cast', {
      method: 'POST',
      body: `{"spell_name":"${fromJson}","payload":${nested(8_000)}}`,
    });
    assert.equal(response.status, 400);
    assert.equal(((await response.json()) as { code: string }).code, 'BAD_USER_INPUT');
  });

  it('as input in base64 is BAD_USER_INPUT by GraphQL', async () => {
    const inputBase64 = Buffer.from(nested(20_000)).toString('base64');
    const { extensions } = await client.refusal(CastDocument, { input: { spell: fromJson, inputBase64 } });
    assert.equal(extensions.code, 'BAD_USER_INPUT');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CastDocument, EstimateCastDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';

const PER_SECOND = 5;

describe('cast: more than an account may request', async () => {
  const { seed } = await startHarness({ environment: { SPELL_CASTS_PER_SECOND: String(PER_SECOND) } });
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast']);
  const spell = await seed.spell(maker, { guest: 'echo' });
  const input = { spell, input: 'x' };

  it('is RATE_LIMITED, with the time to wait, and costs the others nothing', async () => {
    const answers = await Promise.all(
      Array.from({ length: 4 * PER_SECOND }, () => caster.client.ask(CastDocument, { input })),
    );
    const refused = answers.flatMap((answer) => answer.errors);
    assert.ok(refused.length >= PER_SECOND, `${refused.length} were refused`);
    for (const { extensions } of refused) {
      assert.equal(extensions.code, 'RATE_LIMITED');
      assert.ok(Number(extensions['retryAfterSeconds']) >= 1);
    }
    const other = await seed.account(['cast']);
    assert.deepEqual((await other.client.ask(CastDocument, { input })).errors, []);
  });

  it('estimates as many again, counted apart', async () => {
    const { client } = await seed.account(['cast']);
    const answers = await Promise.all(
      Array.from({ length: 4 * PER_SECOND }, () => client.ask(EstimateCastDocument, { input })),
    );
    const codes = answers.flatMap(({ errors }) => errors.map(({ extensions }) => extensions.code));
    assert.ok(codes.length >= PER_SECOND);
    assert.deepEqual(new Set(codes), new Set(['RATE_LIMITED']));
    await client.get(CastDocument, { input });
  });

  it('is 429 with Retry-After by REST, and passes again after that time', async () => {
    const cast = () =>
      caster.client.fetch('/v1/cast', {
        method: 'POST',
        headers: { prefer: 'respond-async' },
        body: JSON.stringify({ spell_name: spell, payload: 'x' }),
      });
    const responses = await Promise.all(Array.from({ length: 4 * PER_SECOND }, cast));
    const refused = responses.filter((response) => response.status === 429);
    assert.ok(refused.length >= PER_SECOND);
    const waitSeconds = Number(refused[0]?.headers.get('retry-after'));
    assert.ok(waitSeconds >= 1);
    await new Promise((resolve) => setTimeout(resolve, waitSeconds * 1_000));
    assert.equal((await cast()).status, 202);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CastClaims, readInput } from '../../../src/casts/claim-casts.js';
import { systemClock } from '../../../src/platform/index.js';
import { CastDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';

describe('claiming casts', async () => {
  const { app, seed } = await startHarness({ roles: ['api'] });
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const spell = await seed.spell(maker, { guest: 'echo', input: 'text', output: 'text' });
  const startWorker = (workerId: string) =>
    new CastClaims({ database: app.database, clock: systemClock, workerId, attemptsMax: 3 });
  const accept = async (input: string) =>
    (await client.get(CastDocument, { input: { spell, input } })).cast.cast.id;

  it('many jobs in two workers at once: each cast is claimed once, with its input', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, (_, index) => accept(`input ${index}`)));
    const workers = [startWorker('one'), startWorker('two')];
    const claims = await Promise.all(
      workers.flatMap((worker) => ids.map((id) => worker.claim({ id, ownAttempt: null }))),
    );
    const claimed = claims.filter((claim) => claim !== null);
    assert.deepEqual(claimed.map(({ id }) => id).toSorted(), ids.toSorted());
    for (const claim of claimed) {
      assert.equal(claim.attempts, 1);
      assert.equal(String(claim.input), `input ${ids.indexOf(claim.id)}`);
    }
  });

  it('the same cast twice in one batch is claimed once; again only after its own attempt was lost', async () => {
    const id = await accept('twice');
    const worker = startWorker('one');
    const twice = await Promise.all([
      worker.claim({ id, ownAttempt: null }),
      worker.claim({ id, ownAttempt: null }),
    ]);
    assert.equal(twice.filter((claim) => claim !== null).length, 1);
    assert.equal(await worker.claim({ id, ownAttempt: null }), null);
    assert.equal((await worker.claim({ id, ownAttempt: 1 }))?.attempts, 2);
    assert.equal((await worker.claim({ id, ownAttempt: 2 }))?.attempts, 3);
    assert.equal(await worker.claim({ id, ownAttempt: 3 }), null, 'three attempts are all there are');
  });

  it('a large input is read by itself', async () => {
    const input = 'x'.repeat(100_000);
    const id = await accept(input);
    const claim = await startWorker('one').claim({ id, ownAttempt: null });
    assert.equal(claim?.input, null);
    assert.equal(String(await readInput(app.database, id)), input);
  });
});

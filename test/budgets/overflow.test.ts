import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { CastAcceptance, OwnWorker } from '../../src/casts/index.js';
import { sha256 } from '../../src/platform/index.js';
import { PublishSpellDocument, SetBudgetDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { buildPackage } from '../support/packages.js';
import { openInstance, principalOf } from './instances.js';

const SUM_MAX = '9223372036854775807';
const CAST_MICROS_MAX = 1_000_000_000_000_000n;

describe('sums at the end of what 64 bits hold', async () => {
  const harness = await startHarness({ roles: ['api'] });
  const { seed, app } = harness;
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
  const dearest = { model: 'metered', usd_per_gigafuel: '1000000' };

  it('a spell whose worst case is above a billion dollars is not published', async () => {
    for (const [maxFuel, isRefused] of [
      [1_000_000_000_000, false],
      [1_000_000_000_001, true],
    ] as const) {
      const options = {
        key: `com.example.dear-${randomBytes(6).toString('hex')}`,
        pricing: dearest,
        runtime: { max_fuel: maxFuel },
      };
      const input = { packageBase64: (await buildPackage(options)).toString('base64') };
      const { data, errors } = await maker.client.ask(PublishSpellDocument, { input });
      assert.equal(data === null, isRefused);
      if (isRefused) {
        assert.equal(errors[0]?.extensions.code, 'SPELL_REJECTED');
        assert.match(errors[0].message, /a cast could cost 1000000000001000 micros/);
      }
    }
  });

  it('a cast of a version from before that is refused alone', async () => {
    const cast = {
      ...{
        id: randomUUID(),
        accountId: maker.accountId,
        apiKeyId: randomUUID(),
        spellVersionId: randomUUID(),
      },
      ...{ spellKey: spell, endUser: null, idempotencyKey: null, requestDigest: sha256('') },
      ...{ input: Buffer.alloc(0), queuedAt: new Date(), heldMicros: CAST_MICROS_MAX + 1n },
      limits: { timeoutMs: 1, maxMemoryBytes: 1, maxOutputBytes: 1, maxFuel: 1n, lowered: {} },
    } as const;
    await assert.rejects(
      new CastAcceptance({ database: app.database, ownWorker: new OwnWorker() }).accept(cast),
      {
        code: 'BAD_USER_INPUT',
      },
    );
  });

  it('a budget without a hard limit ends there, and refuses beside the casts of others', async () => {
    const owner = await seed.account();
    const input = { scope: 'ACCOUNT', period: 'DAILY', softLimitMicros: '1' } as const;
    const { budget } = (await owner.client.get(SetBudgetDocument, { input })).setBudget;
    const instance = await openInstance(harness);
    const [full, other] = [
      await principalOf(harness, owner.keyPrefix),
      await principalOf(harness, (await seed.account()).keyPrefix),
    ];
    await instance.request(full, { spell, input: 'x' });
    await app.database.query(
      `UPDATE budget_periods SET held_micros = $2::bigint - 9999 WHERE budget_id = $1`,
      [budget.id, SUM_MAX],
    );
    const answers = await Promise.allSettled(
      [other, full, other].map((by) => instance.request(by, { spell, input: 'x' })),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    const [, refused] = answers;
    const { code, details } = refused?.status === 'rejected' ? refused.reason : {};
    assert.equal(code, 'BUDGET_EXCEEDED');
    assert.deepEqual([details.limitMicros, details.requiredMicros], [SUM_MAX, '10000']);
  });
});

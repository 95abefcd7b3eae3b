import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CancelCastDocument,
  CastDocument,
  SetBudgetDocument,
  type CastInput,
} from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import type { PackageOptions } from '../../support/packages.js';
import { chargeMicros } from '../../../src/casts/charge.js';
import { runCast, waitForEnd } from './run-cast.js';

const BASE_MICROS = 1_000n;
const MICROS_PER_GIGAFUEL = 2_000_000n;
const GIGAFUEL = 1_000_000_000n;
const METERED = { model: 'metered', price_usd: '0.001', usd_per_gigafuel: '2' };
const FLAT = { model: 'flat', price_usd: '0.0123' };

/** Rounded up once, at the end. */
const metered = (fuel: bigint) => (MICROS_PER_GIGAFUEL * fuel + GIGAFUEL - 1n) / GIGAFUEL;
const fuelOf = (cast: { fuelUsed?: string | null }) => BigInt(cast.fuelUsed ?? '0');

// The rows of the table in docs/budgets.md, each with what is charged for a metered and for a flat price.
describe('what is charged', async () => {
  const { seed, app } = await startHarness();
  const maker = await seed.account(['publish']);
  const owner = await seed.account();
  const key = { scope: 'ACCOUNT', period: 'MONTHLY' } as const;
  await owner.client.get(SetBudgetDocument, { input: { ...key, hardLimitMicros: '1000000000000' } });

  const publish = async (options: PackageOptions) => ({
    metered: await seed.spell(maker, { ...options, pricing: METERED }),
    flat: await seed.spell(maker, { ...options, pricing: FLAT }),
    free: await seed.spell(maker, { ...options, pricing: { model: 'free' } }),
  });
  const ends = async (input: CastInput, ending: string) => {
    const cast = await runCast(owner.client, input);
    assert.equal(cast.error?.code ?? cast.status, ending);
    assert.equal(cast.heldMicros, '0');
    return { cost: BigInt(cast.costMicros ?? '-1'), fuel: fuelOf(cast) };
  };

  it('success: the price', async () => {
    const echo = await publish({ guest: 'echo' });
    const { cost, fuel } = await ends({ spell: echo.metered, input: 'some input' }, 'SUCCEEDED');
    assert.ok(fuel > 0n);
    assert.equal(cost, BASE_MICROS + metered(fuel));
    assert.equal((await ends({ spell: echo.flat, input: 'x' }, 'SUCCEEDED')).cost, 12_300n);
    assert.equal((await ends({ spell: echo.free, input: 'x' }, 'SUCCEEDED')).cost, 0n);
  });

  it('fuel limit: the metered part of all of it', async () => {
    const endless = await publish({ guest: 'endless' });
    const limits = { maxFuel: '1000001' };
    assert.equal(
      (await ends({ spell: endless.metered, limits }, 'FUEL_EXHAUSTED')).cost,
      metered(1_000_001n),
    );
    assert.equal((await ends({ spell: endless.flat, limits }, 'FUEL_EXHAUSTED')).cost, 0n);
  });

  it('deadline, and canceled after it started: the metered part of what was burned', async () => {
    const endless = await publish({
      guest: 'endless',
      runtime: { max_fuel: 9_000_000_000_000, timeout_ms: 60_000 },
    });
    const late = await ends({ spell: endless.metered, limits: { timeoutMs: 500 } }, 'DEADLINE_EXCEEDED');
    assert.ok(late.fuel > 0n);
    assert.equal(late.cost, metered(late.fuel));
    assert.equal(
      (await ends({ spell: endless.flat, limits: { timeoutMs: 300 } }, 'DEADLINE_EXCEEDED')).cost,
      0n,
    );
    const { cast } = await owner.client.get(CastDocument, { input: { spell: endless.metered } });
    const isRunning = `SELECT FROM casts WHERE id = $1 AND status = 'RUNNING'`;
    while ((await app.database.query(isRunning, [cast.cast.id])).length === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await owner.client.get(CancelCastDocument, { input: { id: cast.cast.id } });
    const canceled = await waitForEnd(owner.client, cast.cast.id);
    assert.equal(canceled.status, 'CANCELED');
    assert.ok(fuelOf(canceled) > 0n);
    assert.equal(BigInt(canceled.costMicros ?? '-1'), metered(fuelOf(canceled)));
  });

  it('trap, exit code, memory, output: nothing', async () => {
    for (const [options, ending] of [
      [{ guest: 'trap' }, 'TRAP'],
      [{ guest: 'exit3' }, 'EXIT_NONZERO'],
      [{ guest: 'hungry', runtime: { max_memory_mb: 32 } }, 'MEMORY_EXCEEDED'],
      [{ guest: 'flood', output: 'bytes', runtime: { max_output_mb: 1 } }, 'OUTPUT_TOO_LARGE'],
      [{ guest: 'echo', output: 'json' }, 'INVALID_OUTPUT'],
    ] as const) {
      const spells = await publish(options);
      for (const spell of [spells.metered, spells.flat])
        assert.equal((await ends({ spell, input: 'no json' }, ending)).cost, 0n, ending);
    }
  });

  it('afterwards the budget has spent exactly what was charged, and holds nothing', async () => {
    const [row] = await app.database.query(
      `SELECT p.spent_micros AS spent, p.held_micros AS held,
              (SELECT sum(cost_micros) FROM casts WHERE account_id = $1) AS charged
         FROM budget_periods p JOIN budgets b ON b.id = p.budget_id WHERE b.account_id = $1`,
      [owner.accountId],
    );
    assert.deepEqual(row, { spent: row.charged, held: '0', charged: row.charged });
    assert.notEqual(row.charged, '0');
  });
});

describe('what is charged, by the function alone', () => {
  const pricing = { model: 'metered', price_micros: '1000', micros_per_gigafuel: '2000000' } as const;
  const failed = (
    code: 'TRAP' | 'POLICY_VIOLATION' | 'WORKER_LOST' | 'DEADLINE_EXCEEDED' | 'FUEL_EXHAUSTED',
  ) => ({ status: 'FAILED', error: { code } }) as const;
  const canceled = { status: 'CANCELED', error: null } as const;

  it('policy, lost worker, canceled before it burned anything: nothing', () => {
    for (const ending of [failed('TRAP'), failed('POLICY_VIOLATION'), failed('WORKER_LOST')])
      assert.equal(chargeMicros(pricing, 10_000n, ending, 5_000n), 0n);
    for (const fuel of [null, 0n]) assert.equal(chargeMicros(pricing, 10_000n, canceled, fuel), 0n);
  });

  it('one unit of fuel is one micro, because it is rounded up; and never more than was held', () => {
    assert.equal(chargeMicros(pricing, 10_000n, canceled, 1n), 1n);
    assert.equal(chargeMicros(pricing, 10_000n, failed('DEADLINE_EXCEEDED'), 501n), 2n);
    assert.equal(chargeMicros(pricing, 10_001n, failed('FUEL_EXHAUSTED'), null), 21n);
  });
});

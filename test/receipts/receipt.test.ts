import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ReceiptContent } from '../../src/casts/index.js';
import { canonicalJson } from '../../src/ledger/index.js';
import { queryRows, sha256 } from '../../src/platform/index.js';
import { CLOCK_START_NS, seedOf } from '../../src/sandbox/index.js';
import { watchOn } from '../support/client.js';
import { CancelCastDocument, CastDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { buildPackage } from '../support/packages.js';
import { runCast, waitForEnd } from '../operations/cast/run-cast.js';
import { findFault, receiptFile, read, trustedKeys } from './support.js';

const METERED = { model: 'metered', price_usd: '0.001', usd_per_gigafuel: '2' };
const RECEIPT = `query ($id: ID!) { cast(id: $id) { receipt } }`;

describe('receipts', async () => {
  const harness = await startHarness();
  const { seed } = harness;
  const keys = trustedKeys(harness);
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast']);
  const { client } = caster;
  const publish = (options: Parameters<typeof buildPackage>[0]) => seed.spell(maker, options);
  const holds = (file: Buffer) => assert.equal(findFault(file, keys), null);

  it('ok: says what was cast, how it ended, what it cost, and proves it', async () => {
    const runtime = { max_fuel: 10_000_000, policy: { env_vars: ['SPELL_CAST_ID', 'A=b'], fs_read: [] } };
    const spell = await publish({ guest: 'echo', pricing: METERED, runtime });
    const limits = { timeoutMs: 3_000, maxFuel: '9000000', maxLogKb: 7 };
    const cast = await runCast(client, { spell, input: 'to be proved', limits });
    const file = await receiptFile(client, cast.id);
    holds(file);
    const { content, ledger } = read(file);
    const tar = await buildPackage({ key: spell, guest: 'echo', pricing: METERED, runtime });
    assert.equal(content.castId, cast.id);
    assert.equal(content.spell.key, spell);
    assert.equal(content.spell.packageDigest, sha256(tar));
    assert.deepEqual(content.input, { digest: sha256('to be proved'), bytes: 12 });
    assert.deepEqual(content.output, { digest: cast.outputDigest, bytes: 12 });
    assert.equal(content.run.mode, 'deterministic');
    assert.equal(content.run.clockStartNs, CLOCK_START_NS.toString());
    const seedOfRun = seedOf(content.spell.moduleDigest, sha256('to be proved'));
    assert.equal(content.run.randomSeed, seedOfRun.toString('hex'));
    assert.equal(content.run.argumentsDigest, sha256(canonicalJson([spell])));
    assert.equal(content.run.environmentDigest, sha256(canonicalJson({ A: 'b', SPELL_CAST_ID: cast.id })));
    const { timeoutMs, maxFuel, maxLogBytes, maxCpuMs } = content.run.limits;
    assert.deepEqual([timeoutMs, maxFuel, maxLogBytes, maxCpuMs], [3_000, '9000000', 7 * 1024, 3_000]);
    const { fuelUsed, memoryPeakBytes, durationMs } = cast;
    assert.deepEqual(content.ending, {
      status: 'SUCCEEDED',
      errorCode: null,
      exitCode: 0,
      fuelUsed,
      memoryPeakBytes: Number(memoryPeakBytes),
      durationMs,
      attempts: 1,
    });
    assert.equal(content.price.heldMicros, '19000');
    assert.equal(content.price.costMicros, cast.costMicros);
    assert.deepEqual(content.times, {
      queuedAt: cast.queuedAt,
      startedAt: cast.startedAt,
      finishedAt: cast.finishedAt,
    });
    assert.equal(ledger.origin, harness.config.ledgerOrigin);
    assert.equal(ledger.opening.accountId, caster.accountId);
  });

  it('ok: GraphQL, REST and the published schema agree', async () => {
    const cast = await runCast(client, { spell: await publish({ guest: 'echo' }), input: 'x' });
    const file = await receiptFile(client, cast.id);
    assert.equal(file.toString(), canonicalJson(JSON.parse(file.toString())));
    const { data, errors } = await client.askText<{ cast: { receipt: object } }>(RECEIPT, { id: cast.id });
    assert.deepEqual(errors, []);
    holds(Buffer.from(JSON.stringify(data?.cast.receipt, null, 2)));
    assert.deepEqual(read(Buffer.from(JSON.stringify(data?.cast.receipt))).content, read(file).content);
    const schema = (await (await client.fetch('/v1/receipt.schema.json')).json()) as object;
    assert.deepEqual(schema, JSON.parse(await readFile('schema/receipt.schema.json', 'utf8')));
    const check = new Ajv2020({ strict: true }).compile(schema);
    assert.ok(check(data?.cast.receipt), JSON.stringify(check.errors));
    assert.ok(!check({ ...data?.cast.receipt, more: 1 }));
  });

  it('ok: the final event carries it when it is already there, and null when it is not', async () => {
    const cast = await runCast(client, { spell: await publish({ guest: 'echo' }), input: 'x' });
    await receiptFile(client, cast.id);
    const socket = client.openSocket();
    const query = `subscription ($id: ID!) { castEvents(castId: $id) { ... on CastFinished { cast { receipt } } } }`;
    const receipts: unknown[] = [];
    for await (const { data } of socket.iterate<{ castEvents: { cast?: { receipt: unknown } } }>({
      query,
      variables: { id: cast.id },
    }))
      if (data?.castEvents.cast !== undefined) receipts.push(data.castEvents.cast.receipt);
    await socket.dispose();
    assert.equal(receipts.length, 1);
    holds(Buffer.from(JSON.stringify(receipts[0])));
  });

  for (const [what, guest, runtime, code, exitCode] of [
    ['a trap', 'trap', {}, 'TRAP', null],
    ['an exit code', 'exit3', {}, 'EXIT_NONZERO', 3],
    ['the fuel', 'endless', { max_fuel: 100_000 }, 'FUEL_EXHAUSTED', null],
    ['the deadline', 'endless', { max_fuel: 9_000_000_000_000, timeout_ms: 100 }, 'DEADLINE_EXCEEDED', null],
  ] as const)
    it(`ok: a cast that failed has one: ${what}`, async () => {
      const cast = await runCast(client, { spell: await publish({ guest, runtime, pricing: METERED }) });
      const file = await receiptFile(client, cast.id);
      holds(file);
      const { content } = read(file);
      assert.deepEqual(
        [content.ending.status, content.ending.errorCode, content.ending.exitCode, content.output],
        ['FAILED', code, exitCode, null],
      );
      assert.equal(content.price.costMicros, cast.costMicros);
      assert.equal(content.ending.fuelUsed, cast.fuelUsed);
    });

  it('ok: a cast that was canceled has one, running', async () => {
    const runtime = { max_fuel: 9_000_000_000_000, timeout_ms: 60_000 };
    const spell = await publish({ guest: 'endless', runtime, pricing: METERED });
    const { cast } = await client.get(CastDocument, { input: { spell } });
    const socket = client.openSocket();
    for await (const event of watchOn(socket, cast.cast.id)) if (event.__typename === 'CastStarted') break;
    await socket.dispose();
    await client.get(CancelCastDocument, { input: { id: cast.cast.id } });
    await waitForEnd(client, cast.cast.id);
    const file = await receiptFile(client, cast.cast.id);
    holds(file);
    assert.equal(read(file).content.ending.status, 'CANCELED');
  });

  it('not-found: before it has its place in the ledger, for others, and for no cast', async () => {
    const idle = await startHarness({ roles: ['api'] });
    const owner = await idle.seed.account(['cast', 'publish']);
    const stranger = await idle.seed.account(['cast']);
    const spell = await idle.seed.spell(owner, { guest: 'echo', pricing: METERED });
    const { cast } = await owner.client.get(CastDocument, { input: { spell, input: 'waits' } });
    const statusOf = async (by: typeof owner) =>
      (await by.client.fetch(`/v1/casts/${cast.cast.id}/receipt`)).status;
    assert.equal(await statusOf(owner), 404);
    await owner.client.get(CancelCastDocument, { input: { id: cast.cast.id } });
    assert.deepEqual([await statusOf(owner), await statusOf(stranger)], [404, 404]);
    const { data } = await owner.client.askText(RECEIPT, { id: cast.cast.id });
    assert.deepEqual(data, { cast: { receipt: null } });
    // The fact waits beside the final row; nothing else is needed for the receipt than a worker that sequences it.
    const [fact] = await queryRows<{ subject: string; content: { ending: object; input: object } }>(
      idle.app.database,
      `SELECT subject, content FROM ledger_outbox WHERE kind = 'cast.settled'`,
    );
    assert.equal(fact?.subject, cast.cast.id);
    assert.deepEqual(fact?.content.input, { digest: sha256('waits'), bytes: 5 });
    assert.deepEqual(fact?.content.ending, {
      status: 'CANCELED',
      errorCode: null,
      exitCode: null,
      fuelUsed: null,
      memoryPeakBytes: null,
      durationMs: null,
      attempts: 0,
    });
  });

  it('ok: a cast whose workers were lost leaves its fact too', async () => {
    const idle = await startHarness({ roles: ['api'] });
    const owner = await idle.seed.account(['cast', 'publish']);
    const spell = await idle.seed.spell(owner, { guest: 'echo', pricing: METERED });
    const { cast } = await owner.client.get(CastDocument, { input: { spell, input: 'lost' } });
    await queryRows(
      idle.app.database,
      `UPDATE casts SET status = 'RUNNING', attempts = 99, lease_until = now(), started_at = queued_at WHERE id = $1`,
      [cast.cast.id],
    );
    await waitForEnd(owner.client, cast.cast.id);
    const [fact] = await queryRows<{ content: ReceiptContent }>(
      idle.app.database,
      `SELECT content FROM ledger_outbox WHERE kind = 'cast.settled'`,
    );
    assert.deepEqual(fact?.content.input, { digest: sha256('lost'), bytes: 4 });
    const { status, errorCode, attempts } = fact?.content.ending ?? {};
    assert.deepEqual([status, errorCode, attempts], ['FAILED', 'WORKER_LOST', 99]);
    assert.equal(fact?.content.price.costMicros, '0');
    assert.equal(fact?.content.spell.key, spell);
  });
});

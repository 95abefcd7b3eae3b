import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { issueReceipts } from '../../src/casts/index.js';
import {
  PersonKeys,
  destroyPersonKey,
  formatVerifierKey,
  noteSigner,
  type NoteSigner,
} from '../../src/ledger/index.js';
import { AppError } from '../../src/platform/index.js';
import { runCast } from '../operations/cast/run-cast.js';
import { startHarness } from '../support/harness.js';
import { findFault, receiptFile, receiptOf, trustedKeys } from './support.js';

const RECEIPT = `query ($id: ID!) { cast(id: $id) { receipt } }`;

describe('receipts: who signs them, and for how long', async () => {
  const harness = await startHarness();
  const { seed, app } = harness;
  const keys = trustedKeys(harness);
  const [signer] = keys as [NoteSigner];
  const maker = await seed.account(['publish']);
  const caster = await seed.account(['cast']);
  const { client } = caster;
  const spell = await seed.spell(maker, { guest: 'echo' });
  const people = new PersonKeys({ masterKey: harness.config.ledgerMasterKey, clock: app.clock });
  const holds = (file: Buffer) => assert.equal(findFault(file, keys), null);

  it('of many, one whose entry was damaged has none, and the others have theirs', async () => {
    const casts = [
      await runCast(client, { spell, input: 'one' }),
      await runCast(client, { spell, input: 'two' }),
    ];
    const before = await Promise.all(casts.map(({ id }) => receiptOf(client, id)));
    const runner = app.database.createQueryRunner();
    const flip = async () => {
      await runner.query('ALTER TABLE ledger_entries DISABLE TRIGGER USER');
      await runner.query(
        'UPDATE ledger_entries SET sealed = set_bit(sealed, 200, 1 - get_bit(sealed, 200)) WHERE sequence = $1',
        [before[0]?.ledger.sequence],
      );
      await runner.query('ALTER TABLE ledger_entries ENABLE TRIGGER USER');
    };
    await flip();
    const deps = { database: app.database, people, logger: app.logger, receiptSigners: keys };
    const ids = casts.map(({ id }) => id);
    const issued = await issueReceipts(deps, caster.accountId, ids);
    assert.deepEqual(
      issued.map((receipt) => receipt === null),
      [true, false],
    );
    await flip();
    assert.ok((await issueReceipts(deps, caster.accountId, ids)).every((receipt) => receipt !== null));
    await runner.release();
  });

  it('ok: only a key that is in use by the log signs; without one it is unavailable', async () => {
    const cast = await runCast(client, { spell, input: 'x' });
    await receiptFile(client, cast.id);
    const deps = { database: app.database, people, logger: app.logger };
    const unknown = noteSigner(harness.config.ledgerOrigin, Buffer.alloc(32, 7));
    const receiptSigners = [unknown, signer];
    const [receipt] = await issueReceipts({ ...deps, receiptSigners }, caster.accountId, [cast.id]);
    assert.equal(receipt?.signature.keyId, signer.keyId.toString('hex'));
    assert.deepEqual(receipt.keys, [formatVerifierKey(signer)]);
    await assert.rejects(
      issueReceipts({ ...deps, receiptSigners: [unknown] }, caster.accountId, [cast.id]),
      (error) => error instanceof AppError && error.code === 'UNAVAILABLE',
    );
  });

  it('ok: a list of casts asks for all receipts in as many queries as for one', async () => {
    const many = await seed.account(['cast']);
    const casts = await Promise.all(
      Array.from({ length: 20 }, (_, i) => runCast(many.client, { spell, input: `${i}` })),
    );
    await Promise.all(casts.map(({ id }) => receiptFile(many.client, id)));
    const asked: string[] = [];
    const database = new Proxy(app.database, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name === 'query') asked.push(name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const deps = { database, people, logger: app.logger, receiptSigners: [signer] };
    const one = await issueReceipts(deps, many.accountId, [casts[0]?.id ?? '']);
    const queriesForOne = asked.splice(0).length;
    const all = await issueReceipts(
      deps,
      many.accountId,
      casts.map(({ id }) => id),
    );
    assert.ok(one[0] !== null && queriesForOne > 0);
    assert.ok(asked.length <= queriesForOne, `${asked.length} queries for 20 instead of ${queriesForOne}`);
    assert.deepEqual(
      all.map((receipt) => receipt?.content.castId),
      casts.map(({ id }) => id),
    );
    const { data } = await many.client.askText<{
      viewer: { casts: { edges: { node: { receipt: object | null } }[] } };
    }>(`{ viewer { casts(first: 20) { edges { node { receipt } } } } }`);
    const listed =
      data?.viewer.casts.edges.map(({ node }) => Buffer.from(JSON.stringify(node.receipt))) ?? [];
    assert.equal(listed.length, 20);
    listed.forEach(holds);
  });

  it('not-found: after the person’s key was destroyed there is none, and one that was handed out still holds', async () => {
    const leaving = await seed.account(['cast']);
    const cast = await runCast(leaving.client, { spell, input: 'x' });
    const file = await receiptFile(leaving.client, cast.id);
    await destroyPersonKey(app, leaving.accountId);
    assert.equal((await leaving.client.fetch(`/v1/casts/${cast.id}/receipt`)).status, 404);
    const { data } = await leaving.client.askText(RECEIPT, { id: cast.id });
    assert.deepEqual(data, { cast: { receipt: null } });
    holds(file);
    assert.equal((await receiptOf(client, (await runCast(client, { spell: spell })).id)).version, 1);
  });
});

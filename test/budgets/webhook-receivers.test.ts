import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { forgetAlerts } from '../../src/budgets/forget-alerts.js';
import { postWebhook } from '../../src/budgets/post-webhook.js';
import { SetWebhookDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { startRawReceiver } from './raw-receiver.js';

const SWITCHES = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n';
const ACCEPTS = 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n';
const WITHIN_MS = 8_000;

describe('a receiver that does not answer as HTTP servers do', () => {
  const post = (url: string) => postWebhook({ url: new URL(url), allowPrivate: true }, {}, '{}');

  it('and switches protocols: is answered 101, which is no delivery', { timeout: WITHIN_MS }, async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await startRawReceiver((socket) => {
      socket.once('close', () => closed.resolve());
      socket.write(SWITCHES);
    });
    assert.equal(await post(url), 101);
    await closed.promise;
  });

  it('and closes, before or amid an answer: is an error', { timeout: WITHIN_MS }, async () => {
    for (const said of ['', 'HTTP/1.1 20', 'HTTP/1.1 100 Continue\r\n\r\n']) {
      const { url } = await startRawReceiver((socket) => socket.end(said));
      await assert.rejects(post(url));
    }
  });

  it(
    'and says nothing, or one byte now and then: is an error after ten seconds',
    { timeout: 20_000 },
    async () => {
      const silent = await startRawReceiver(() => undefined);
      const slow = await startRawReceiver((socket) => {
        const timer = setInterval(() => socket.write('H'), 500);
        socket.once('close', () => clearInterval(timer));
      });
      const startedMs = performance.now();
      await Promise.all([silent, slow].map(({ url }) => assert.rejects(post(url))));
      assert.ok(performance.now() - startedMs < 15_000);
    },
  );
});

describe('webhooks of many accounts', async () => {
  const { seed, app } = await startHarness({
    roles: ['api'],
    environment: { SPELL_WEBHOOK_ALLOW_PRIVATE: 'true' },
  });
  const insertAlerts = (accountId: string, count: number, values = `now(), 'DUE'`) =>
    app.database.query(
      `INSERT INTO budget_alerts (account_id, scope, subject, period, kind, limit_micros, spent_micros, period_start,
                                  period_end, at, inserted_at, webhook_state)
       SELECT $1, 'ACCOUNT', '', 'DAILY', 'SOFT_LIMIT', 1, 1, now(), now(), now(), ${values}
         FROM generate_series(1, $2)`,
      [accountId, count],
    );
  const webhookOf = async (url: string) => {
    const owner = await seed.account();
    await owner.client.get(SetWebhookDocument, { input: { url } });
    return owner.accountId;
  };
  const statesOf = async (accountId: string): Promise<string[]> => {
    const rows: { webhook_state: string }[] = await app.database.query(
      `SELECT webhook_state FROM budget_alerts WHERE account_id = $1`,
      [accountId],
    );
    return rows.map((row) => row.webhook_state);
  };

  it('one that hangs or switches protocols holds up nobody else', { timeout: 60_000 }, async () => {
    const hanging = await startRawReceiver(() => undefined);
    const switching = await startRawReceiver((socket) => socket.write(SWITCHES));
    const good = await startRawReceiver((socket) => socket.end(ACCEPTS));
    await insertAlerts(await webhookOf(switching.url), 20);
    await insertAlerts(await webhookOf(hanging.url), 200);
    const accountId = await webhookOf(good.url);
    await insertAlerts(accountId, 20);
    const deadlineMs = performance.now() + WITHIN_MS;
    while ((await statesOf(accountId)).some((state) => state !== 'DELIVERED')) {
      assert.ok(performance.now() < deadlineMs, 'not delivered in time');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(hanging.connections <= 2, `${hanging.connections} at once`);
  });

  it('an alert that was delivered or let go of is deleted after its time, one that is due is not', async () => {
    const { accountId } = await seed.account();
    for (const state of ['DELIVERED', 'FAILED', 'NONE'])
      for (const age of ['59 days', '61 days'])
        await insertAlerts(accountId, 1, `now() - interval '${age}', '${state}'`);
    await app.database.query(`UPDATE budget_alerts SET webhook_next_at = 'infinity' WHERE account_id = $1`, [
      accountId,
    ]);
    await forgetAlerts(app.database);
    assert.deepEqual((await statesOf(accountId)).toSorted(), ['DELIVERED', 'FAILED', 'NONE']);
    const due = (await seed.account()).accountId;
    await app.database.query(
      `INSERT INTO budget_alerts (id, account_id, scope, subject, period, kind, limit_micros, spent_micros, period_start,
                                  period_end, at, inserted_at, webhook_next_at)
       VALUES ($1, $2, 'ACCOUNT', '', 'DAILY', 'SOFT_LIMIT', 1, 1, now(), now(), now(), now() - interval '61 days', 'infinity')`,
      [randomUUID(), due],
    );
    await forgetAlerts(app.database);
    assert.deepEqual(await statesOf(due), ['DUE']);
  });
});

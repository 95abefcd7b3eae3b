import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { print } from 'graphql';
import { Webhook } from 'standardwebhooks';
import type { ApiClient } from '../../support/client.js';
import {
  BudgetAlertsDocument,
  DeleteWebhookDocument,
  SetBudgetDocument,
  SetWebhookDocument,
  type BudgetAlertsSubscription,
} from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { runCast } from '../cast/run-cast.js';

type Alert = BudgetAlertsSubscription['budgetAlerts'];

const WITHIN_MS = 20_000;

interface Delivery {
  headers: IncomingHttpHeaders;
  body: string;
}

describe('budgetAlerts', async () => {
  const { seed, app, client } = await startHarness({ environment: { SPELL_WEBHOOK_ALLOW_PRIVATE: 'true' } });
  const maker = await seed.account(['publish']);
  const spell = await seed.spell(maker, { pricing: { model: 'flat', price_usd: '0.01' } });
  const key = { scope: 'ACCOUNT', period: 'MONTHLY' } as const;

  const castTimes = async (by: ApiClient, times: number) => {
    for (let time = 0; time < times; time += 1) await runCast(by, { spell, input: 'x' });
  };
  const told = (alerts: Alert[]) =>
    alerts.map(({ kind, thresholdPercent, spentMicros }) => [kind, thresholdPercent ?? null, spentMicros]);

  it('ok: soft limit and thresholds are told once each, over a socket and by server-sent events', async () => {
    const owner = await seed.account();
    const input = {
      ...key,
      softLimitMicros: '30000',
      hardLimitMicros: '80000',
      notifyThresholds: [25, 50, 100],
    };
    await owner.client.get(SetBudgetDocument, { input });
    const bySocket = await watchAlerts(owner.client);
    const byEvents = await readAlertEvents(owner.client);
    await castTimes(owner.client, 8);
    const expected = [
      ['THRESHOLD', 25, '20000'],
      ['SOFT_LIMIT', null, '30000'],
      ['THRESHOLD', 50, '40000'],
      ['THRESHOLD', 100, '80000'],
    ];
    assert.deepEqual(told(await bySocket.take(4)), expected);
    assert.deepEqual(told(await byEvents.take(4)), expected);
    const [first] = bySocket.seen;
    assert.deepEqual(
      [first?.scope, first?.subject ?? null, first?.period, first?.limitMicros],
      ['ACCOUNT', null, 'MONTHLY', '80000'],
    );
    await bySocket.stop();
    byEvents.stop();
    const rows = await app.database.query(`SELECT 1 FROM budget_alerts WHERE account_id = $1`, [
      owner.accountId,
    ]);
    assert.equal(rows.length, 4);
  });

  it('ok: lowering the limits tells what they have earned, once', async () => {
    const owner = await seed.account();
    await owner.client.get(SetBudgetDocument, {
      input: { ...key, hardLimitMicros: '1000000', notifyThresholds: [90] },
    });
    await castTimes(owner.client, 1);
    const watching = await watchAlerts(owner.client);
    const lowered = { ...key, hardLimitMicros: '11000', notifyThresholds: [90] };
    await owner.client.get(SetBudgetDocument, { input: lowered });
    assert.deepEqual(told(await watching.take(1)), [['THRESHOLD', 90, '10000']]);
    await owner.client.get(SetBudgetDocument, { input: { ...lowered, hardLimitMicros: '10500' } });
    await watching.stop();
    const rows = await app.database.query(`SELECT 1 FROM budget_alerts WHERE account_id = $1`, [
      owner.accountId,
    ]);
    assert.equal(rows.length, 1);
  });

  it('ok: more at once than one look reads are all told, each once', async () => {
    const owner = await seed.account();
    const watching = await watchAlerts(owner.client);
    await app.database.query(
      `INSERT INTO budget_alerts (account_id, scope, subject, period, kind, limit_micros, spent_micros, period_start,
                                  period_end, at)
       SELECT $1, 'END_USER', 'user ' || n, 'DAILY', 'SOFT_LIMIT', 1, n, now(), now(), now()
         FROM generate_series(1, 2500) AS n`,
      [owner.accountId],
    );
    const alerts = await watching.take(2_500);
    assert.equal(alerts.length, 2_500);
    assert.equal(new Set(alerts.map(({ subject }) => subject)).size, 2_500);
    await watching.stop();
  });

  it('a stranger hears nothing of it; forbidden without read', async () => {
    const [owner, stranger] = [await seed.account(), await seed.account()];
    await owner.client.get(SetBudgetDocument, { input: { ...key, softLimitMicros: '1' } });
    const hearing = await watchAlerts(stranger.client);
    const own = await watchAlerts(owner.client);
    await castTimes(owner.client, 1);
    await own.take(1);
    assert.deepEqual(hearing.seen, []);
    await hearing.stop();
    await own.stop();
    const caster = await seed.account(['cast']);
    const socket = caster.client.openSocket();
    const results = socket.iterate({ query: print(BudgetAlertsDocument) });
    const refused = await results.next().catch((error: unknown) => error);
    assert.match(JSON.stringify(refused), /FORBIDDEN/);
    await socket.dispose();
  });

  it('ok: by webhook, signed; again after an error, with the same id; never after it was deleted', async () => {
    const owner = await seed.account();
    const receiver = await startReceiver([500, 302]);
    const { secret } = (await owner.client.get(SetWebhookDocument, { input: { url: receiver.url } }))
      .setWebhook;
    await owner.client.get(SetBudgetDocument, {
      input: { ...key, softLimitMicros: '10000', notifyThresholds: [100] },
    });
    await castTimes(owner.client, 1);
    await receiver.take(2);
    await waitUntil(async () => {
      await hurryWebhooks(app.database, owner.accountId);
      return receiver.deliveries.length >= 4;
    });
    const bodies = receiver.deliveries.map(({ headers, body }) => {
      return new Webhook(secret).verify(body, headers as Record<string, string>) as {
        type: string;
        data: { id: string };
      };
    });
    assert.deepEqual(
      new Set(bodies.map(({ type }) => type)),
      new Set(['budget.soft_limit_reached', 'budget.threshold_reached']),
    );
    for (const { headers, body } of receiver.deliveries)
      assert.equal(headers['webhook-id'], `alert_${(JSON.parse(body) as { data: { id: string } }).data.id}`);
    assert.equal(new Set(receiver.deliveries.map(({ headers }) => headers['webhook-id'])).size, 2);
    const wrong = receiver.deliveries[0];
    assert.throws(() =>
      new Webhook(secret).verify(`${wrong?.body} `, wrong?.headers as Record<string, string>),
    );
    await waitUntil(async () =>
      (await webhookStates(app.database, owner.accountId)).every((state) => state === 'DELIVERED'),
    );

    await owner.client.get(DeleteWebhookDocument, { input: { url: receiver.url } });
    await owner.client.get(SetBudgetDocument, {
      input: { ...key, softLimitMicros: '10000', notifyThresholds: [50, 100] },
    });
    await waitUntil(async () => (await webhookStates(app.database, owner.accountId)).includes('NONE'));
    assert.equal(receiver.deliveries.length, 4);
  });

  it('ok: after the last attempt it is let go of', async () => {
    const owner = await seed.account();
    const receiver = await startReceiver([500, 500]);
    await owner.client.get(SetWebhookDocument, { input: { url: receiver.url } });
    await owner.client.get(SetBudgetDocument, { input: { ...key, softLimitMicros: '10000' } });
    await castTimes(owner.client, 1);
    await receiver.take(1);
    await waitUntil(async () => {
      const rows = await app.database.query(
        `UPDATE budget_alerts SET webhook_attempts = 8, webhook_next_at = now()
          WHERE account_id = $1 AND webhook_attempts = 1 AND webhook_next_at < now() + interval '20 seconds' RETURNING id`,
        [owner.accountId],
      );
      return (rows as [unknown[], number])[1] === 1;
    });
    await waitUntil(async () => (await webhookStates(app.database, owner.accountId))[0] === 'FAILED');
  });

  it('unauthenticated: nobody', async () => {
    const response = await client().fetch('/graphql', {
      method: 'POST',
      headers: { accept: 'text/event-stream' },
      body: JSON.stringify({ query: print(BudgetAlertsDocument) }),
    });
    assert.match(await response.text(), /UNAUTHENTICATED/);
  });
});

interface Database {
  query(sql: string, parameters?: unknown[]): Promise<unknown>;
}

/** What waits for its next attempt is due now, unless it is on its way. */
async function hurryWebhooks(database: Database, accountId: string): Promise<void> {
  await database.query(
    `UPDATE budget_alerts SET webhook_next_at = now()
      WHERE account_id = $1 AND webhook_state = 'DUE' AND webhook_next_at < now() + interval '20 seconds'`,
    [accountId],
  );
}

async function webhookStates(database: Database, accountId: string): Promise<string[]> {
  const rows = await database.query(`SELECT webhook_state FROM budget_alerts WHERE account_id = $1`, [
    accountId,
  ]);
  return (rows as { webhook_state: string }[]).map((row) => row.webhook_state);
}

async function waitUntil(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = performance.now() + WITHIN_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not so within ${WITHIN_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** An HTTP server that answers these statuses first, then 204. */
async function startReceiver(statuses: number[]) {
  const deliveries: Delivery[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      deliveries.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(statuses.shift() ?? 204, { location: '/elsewhere' }).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`;
  return { url, deliveries, take: (count: number) => waitUntil(() => deliveries.length >= count) };
}

/** Alerts over a socket of its own; listens when this resolves. */
async function watchAlerts(client: ApiClient) {
  const socket = client.openSocket();
  const seen: Alert[] = [];
  const reading = (async () => {
    for await (const { data } of socket.iterate<BudgetAlertsSubscription>({
      query: print(BudgetAlertsDocument),
    }))
      if (data) seen.push(data.budgetAlerts);
  })();
  // The protocol does not say when a subscription has begun; a request on the same socket is answered after it.
  for await (const _ of socket.iterate({ query: '{ viewer { id } }' })) break;
  await new Promise((resolve) => setTimeout(resolve, 300));
  return {
    seen,
    async take(count: number) {
      await waitUntil(() => seen.length >= count);
      return seen;
    },
    async stop() {
      await socket.dispose();
      await reading.catch(() => undefined);
    },
  };
}

async function readAlertEvents(client: ApiClient) {
  const stopping = new AbortController();
  const response = await client.fetch('/graphql', {
    method: 'POST',
    headers: { accept: 'text/event-stream' },
    body: JSON.stringify({ query: print(BudgetAlertsDocument) }),
    signal: stopping.signal,
  });
  const seen: Alert[] = [];
  void (async () => {
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const [, json = ''] of blocks.flatMap((block) => [...block.matchAll(/^data: (.*)$/gm)])) {
        const { data } = JSON.parse(json) as { data?: BudgetAlertsSubscription };
        if (data) seen.push(data.budgetAlerts);
      }
    }
  })().catch(() => undefined);
  return {
    async take(count: number) {
      await waitUntil(() => seen.length >= count);
      return seen;
    },
    stop: () => stopping.abort(),
  };
}

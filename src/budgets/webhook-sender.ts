import { Webhook } from 'standardwebhooks';
import {
  errorText,
  orAfter,
  queryRows,
  type Clock,
  type DataSource,
  type Logger,
} from '../platform/index.js';
import { toAlert, type AlertRow, type BudgetAlert } from './budget-alert.js';
import type { BudgetMetrics } from './budget-metrics.js';
import { postWebhook } from './post-webhook.js';
import { deriveWebhookSecret } from './webhook-secret.js';
import { findWebhooks, type StoredWebhook } from './webhook-store.js';

export interface WebhookSenderDeps {
  database: DataSource;
  clock: Clock;
  logger: Logger;
  metrics: BudgetMetrics;
  webhookKey: Buffer;
  allowPrivateWebhooks: boolean;
}

const LOOK_EVERY_MS = 2_000;
const AT_ONCE = 16;
// While one process sends, no other takes the alert; longer than a delivery may take.
const LEASE_MS = 30_000;
const STOP_WITHIN_MS = 1_000;
const SECOND_MS = 1_000;
// About a day in all: an outage over night loses nothing, and a receiver that is gone is let go of.
const RETRY_AFTER_MS = [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200].map((seconds) => seconds * SECOND_MS);

interface DueRow extends AlertRow {
  webhook_attempts: number;
}

/**
 * Delivers alerts to the webhooks of their accounts, at least once, signed as Standard Webhooks. The row of the alert
 * is its place in the queue, so several processes share the work and none of it is lost with one of them.
 */
export class WebhookSender {
  readonly #deps: WebhookSenderDeps;
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #isStopped = false;

  constructor(deps: WebhookSenderDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => this.sendSoon(), LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await orAfter(this.#sending ?? Promise.resolve(), STOP_WITHIN_MS, undefined);
  }

  /** Called when an alert was committed; what is missed here is found by the clock. */
  sendSoon(): void {
    this.#sending ??= this.#sendDue().finally(() => (this.#sending = null));
  }

  async #sendDue(): Promise<void> {
    try {
      let taken = AT_ONCE;
      while (taken === AT_ONCE && !this.#isStopped) taken = await this.#sendBatch();
    } catch (error) {
      this.#deps.logger.warn({ error: errorText(error) }, 'webhooks not sent');
    }
  }

  async #sendBatch(): Promise<number> {
    const rows = await queryRows<DueRow>(this.#deps.database, TAKE_DUE, [AT_ONCE, LEASE_MS]);
    const webhooks = await findWebhooks(
      this.#deps.database,
      rows.map((row) => row.account_id),
    );
    const byAccount = new Map(webhooks.map((webhook) => [webhook.accountId, webhook]));
    await Promise.all(rows.map((row) => this.#deliver(row, byAccount.get(row.account_id))));
    return rows.length;
  }

  async #deliver(row: DueRow, webhook: StoredWebhook | undefined): Promise<void> {
    if (webhook === undefined) return this.#end(row, 'NONE');
    const problem = await this.#post(toAlert(row), webhook);
    if (problem === null) return this.#end(row, 'DELIVERED');
    const { accountId } = webhook;
    const waitMs = RETRY_AFTER_MS[row.webhook_attempts - 1];
    this.#deps.logger.warn({ accountId, alertId: row.id, problem, waitMs }, 'webhook not delivered');
    if (waitMs === undefined) return this.#end(row, 'FAILED');
    this.#deps.metrics.webhooks.inc({ outcome: 'retried' });
    await queryRows(
      this.#deps.database,
      `UPDATE budget_alerts SET webhook_next_at = now() + $2 * interval '1 millisecond' WHERE id = $1`,
      [row.id, waitMs],
    );
  }

  /** Null when the receiver has it; else what went wrong. */
  async #post(alert: BudgetAlert, webhook: StoredWebhook): Promise<string | null> {
    const { webhookKey, allowPrivateWebhooks, clock } = this.#deps;
    const body = JSON.stringify(toWebhookBody(alert));
    const now = clock.now();
    const id = `alert_${alert.id}`;
    const secret = deriveWebhookSecret(webhookKey, webhook.accountId, webhook.secretSalt);
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'spell-platform',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / SECOND_MS)),
      'webhook-signature': new Webhook(secret).sign(id, now, body),
    };
    try {
      const target = { url: new URL(webhook.url), allowPrivate: allowPrivateWebhooks };
      const status = await postWebhook(target, headers, body);
      return status >= 200 && status < 300 ? null : `status ${status}`;
    } catch (error) {
      return errorText(error);
    }
  }

  async #end(row: DueRow, state: 'DELIVERED' | 'FAILED' | 'NONE'): Promise<void> {
    if (state !== 'NONE') this.#deps.metrics.webhooks.inc({ outcome: state.toLowerCase() });
    await queryRows(this.#deps.database, `UPDATE budget_alerts SET webhook_state = $2 WHERE id = $1`, [
      row.id,
      state,
    ]);
  }
}

const TAKE_DUE = `
  UPDATE budget_alerts SET webhook_attempts = webhook_attempts + 1,
         webhook_next_at = now() + $2 * interval '1 millisecond'
   WHERE id IN (SELECT id FROM budget_alerts WHERE webhook_state = 'DUE' AND webhook_next_at <= now()
                 ORDER BY webhook_next_at LIMIT $1 FOR UPDATE SKIP LOCKED)
  RETURNING *`;

/** Standard Webhooks: a type, a time, and data. Money in micros as decimal text. */
function toWebhookBody(alert: BudgetAlert) {
  return {
    type: alert.kind === 'SOFT_LIMIT' ? 'budget.soft_limit_reached' : 'budget.threshold_reached',
    timestamp: alert.at.toISOString(),
    data: {
      id: alert.id,
      scope: alert.scope,
      subject: alert.subject === '' ? null : alert.subject,
      period: alert.period,
      threshold_percent: alert.thresholdPercent,
      limit_micros: alert.limitMicros.toString(),
      spent_micros: alert.spentMicros.toString(),
      period_start: alert.periodStart.toISOString(),
      period_end: alert.periodEnd.toISOString(),
    },
  };
}

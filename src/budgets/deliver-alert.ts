import { Webhook } from 'standardwebhooks';
import { errorText, queryRows, type Clock, type DataSource, type Logger } from '../platform/index.js';
import { toAlert, type BudgetAlert } from './budget-alert.js';
import type { BudgetMetrics } from './budget-metrics.js';
import { postWebhook } from './post-webhook.js';
import type { DueAlert } from './take-due-alerts.js';
import { toWebhookBody } from './webhook-body.js';
import { deriveWebhookSecret } from './webhook-secret.js';
import type { StoredWebhook } from './webhook-store.js';

export interface DeliverDeps {
  database: DataSource;
  clock: Clock;
  logger: Logger;
  metrics: BudgetMetrics;
  webhookKey: Buffer;
  allowPrivateWebhooks: boolean;
}

const SECOND_MS = 1_000;
// About a day in all: an outage over night loses nothing, and a receiver that is gone is let go of.
const RETRY_AFTER_MS = [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200].map((seconds) => seconds * SECOND_MS);

/** Sends a taken alert to its account's webhook, and notes what became of it: delivered, due later, or let go of. */
export async function deliverAlert(
  deps: DeliverDeps,
  row: DueAlert,
  webhook: StoredWebhook | undefined,
): Promise<void> {
  if (webhook === undefined) return end(deps, row, 'NONE');
  const problem = await post(deps, toAlert(row), webhook);
  if (problem === null) return end(deps, row, 'DELIVERED');
  const { accountId } = webhook;
  const waitMs = RETRY_AFTER_MS[row.webhook_attempts - 1];
  deps.logger.warn({ accountId, alertId: row.id, problem, waitMs }, 'webhook not delivered');
  if (waitMs === undefined) return end(deps, row, 'FAILED');
  deps.metrics.webhooks.inc({ outcome: 'retried' });
  await queryRows(
    deps.database,
    `UPDATE budget_alerts SET webhook_next_at = now() + $2 * interval '1 millisecond' WHERE id = $1`,
    [row.id, waitMs],
  );
}

/** Null when the receiver has it; else what went wrong. */
async function post(deps: DeliverDeps, alert: BudgetAlert, webhook: StoredWebhook): Promise<string | null> {
  const { webhookKey, allowPrivateWebhooks, clock } = deps;
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

async function end(deps: DeliverDeps, row: DueAlert, state: 'DELIVERED' | 'FAILED' | 'NONE'): Promise<void> {
  if (state !== 'NONE') deps.metrics.webhooks.inc({ outcome: state.toLowerCase() });
  await queryRows(deps.database, `UPDATE budget_alerts SET webhook_state = $2 WHERE id = $1`, [
    row.id,
    state,
  ]);
}

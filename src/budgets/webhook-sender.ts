import { errorText, orAfter } from '../platform/index.js';
import { deliverAlert, type DeliverDeps } from './deliver-alert.js';
import { forgetAlerts } from './forget-alerts.js';
import { takeDueAlerts, type DueAlert } from './take-due-alerts.js';
import { findWebhooks, type StoredWebhook } from './webhook-store.js';

const LOOK_EVERY_MS = 2_000;
const FORGET_EVERY_MS = 600_000;
// Each is a socket and a few kilobytes; most of the time of a delivery is waiting for the other side.
const AT_ONCE = 64;
// Receivers that answer get theirs one after the other anyway; one that hangs keeps no more than these busy.
const AT_ONCE_PER_ACCOUNT = 2;
// While one process sends, no other takes the alert; longer than a delivery may take.
const LEASE_MS = 30_000;
const STOP_WITHIN_MS = 1_000;

/**
 * Delivers alerts to the webhooks of their accounts, at least once, signed as Standard Webhooks. The row of the alert
 * is its place in the queue, so several processes share the work and none of it is lost with one of them.
 */
export class WebhookSender {
  readonly #deps: DeliverDeps;
  readonly #inHand = new Map<string, number>();
  readonly #deliveries = new Set<Promise<void>>();
  #timers: NodeJS.Timeout[] = [];
  #taking: Promise<void> | null = null;
  #mustLookAgain = false;
  #isStopped = false;

  constructor(deps: DeliverDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timers = [
      setInterval(() => this.sendSoon(), LOOK_EVERY_MS),
      setInterval(() => void this.#forget(), FORGET_EVERY_MS),
    ];
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    const working = [...this.#deliveries, ...(this.#taking === null ? [] : [this.#taking])];
    await orAfter(Promise.all(working), STOP_WITHIN_MS, undefined);
  }

  /** Called when an alert was committed and when a delivery has ended; what is missed here is found by the clock. */
  sendSoon(): void {
    this.#mustLookAgain = true;
    this.#taking ??= this.#takeDue().finally(() => (this.#taking = null));
  }

  /** Fills what is free. Nobody waits here for a delivery: each has a place of its own, and gives it back alone. */
  async #takeDue(): Promise<void> {
    try {
      while (this.#mustLookAgain && !this.#isStopped && this.#deliveries.size < AT_ONCE) {
        this.#mustLookAgain = false;
        await this.#takeSome();
      }
    } catch (error) {
      this.#deps.logger.warn({ error: errorText(error) }, 'webhooks not sent');
    }
  }

  async #takeSome(): Promise<void> {
    const rows = await takeDueAlerts(this.#deps.database, {
      count: AT_ONCE - this.#deliveries.size,
      leaseMs: LEASE_MS,
      perAccountMax: AT_ONCE_PER_ACCOUNT,
      inHand: this.#inHand,
    });
    if (rows.length === 0) return;
    // Taken alerts of an account that has no more room may have hidden those of others.
    this.#mustLookAgain = true;
    const accountIds = rows.map((row) => row.account_id);
    const webhooks = await findWebhooks(this.#deps.database, accountIds);
    const byAccount = new Map(webhooks.map((webhook) => [webhook.accountId, webhook]));
    for (const row of rows) this.#begin(row, byAccount.get(row.account_id));
  }

  #begin(row: DueAlert, webhook: StoredWebhook | undefined): void {
    const { account_id: accountId } = row;
    this.#count(accountId, 1);
    const delivery = deliverAlert(this.#deps, row, webhook)
      .catch((error: unknown) =>
        // Its lease ends, and it is tried again.
        this.#deps.logger.warn({ alertId: row.id, error: errorText(error) }, 'delivery not noted'),
      )
      .finally(() => {
        this.#count(accountId, -1);
        this.#deliveries.delete(delivery);
        if (!this.#isStopped) this.sendSoon();
      });
    this.#deliveries.add(delivery);
  }

  #count(accountId: string, by: 1 | -1): void {
    const inHand = (this.#inHand.get(accountId) ?? 0) + by;
    if (inHand === 0) this.#inHand.delete(accountId);
    else this.#inHand.set(accountId, inHand);
  }

  async #forget(): Promise<void> {
    await forgetAlerts(this.#deps.database).catch((error: unknown) =>
      this.#deps.logger.warn({ error: errorText(error) }, 'old alerts not deleted'),
    );
  }
}
